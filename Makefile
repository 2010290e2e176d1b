.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.stamp
DEEP   ?= 1
# uv where there is one, pip where there is not.
UV     := $(or $(shell command -v uv 2>/dev/null),$(wildcard $(BIN)/uv))
PIP    := $(if $(UV),$(UV) pip install --python $(BIN)/python,$(BIN)/python -m pip install --disable-pip-version-check)

# A test that waits for ever fails, and shows where it waits.
HANGS  := -o faulthandler_timeout=600 -o faulthandler_exit_on_timeout=true
# SQLAlchemy's plugin takes over a whole run. Both dialects are measured, and the last run judges.
compliance = $(BIN)/pytest -c tests/compliance/setup.cfg --rootdir=tests/compliance -n auto $(HANGS) \
  --dburi=duckdb+andamios_$(1):///:memory:$(1) $(2) tests/compliance
APPEND := --cov --cov-append --cov-config=pyproject.toml --cov-report= --cov-fail-under=0

.PHONY: help
help: ## Show this list
	@printf '\n  \033[1mandamios_orm\033[0m\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[36mmake %-15s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  Each command sets up what it needs; \033[36mmake test\033[0m is a good first one.\n\n'

.PHONY: setup
setup: $(STAMP) ## Create .venv and install everything into it
	@echo "Ready: $$($(BIN)/python --version) in $(VENV)"

.PHONY: demo
demo: $(STAMP) ## Run the Chinook example on DuckDB, or on URL=postgresql://...
	@$(BIN)/python -m examples.advanced.chinook $(URL)

.PHONY: conduit
conduit: $(STAMP) ## Serve the Conduit example on DuckDB, or on URL=postgresql://...
	@$(BIN)/python -m examples.integration.conduit $(URL) $(ARGS)

.PHONY: conduit-fuzz
conduit-fuzz: $(STAMP) build/fuzz/.stamp ## Ask Conduit what nobody would; URL=..., ARGS="--examples 20"
	@$(BIN)/python -m examples.integration.conduit.fuzz build/fuzz/bin/schemathesis $(URL) $(ARGS)

.PHONY: test
test: $(STAMP) ## Run all tests in parallel, with coverage
	$(BIN)/coverage erase
	$(call compliance,sync,$(APPEND))
	$(call compliance,async,$(APPEND))
	$(BIN)/pytest -n auto $(HANGS) --cov --cov-append --cov-report=term

.PHONY: test-deep
test-deep: $(STAMP) ## Kill every schema change, draw many examples, repeat all on mysql; long; DEEP=3
	ANDAMIOS_TEST_DEEP=$(DEEP) $(BIN)/pytest -n auto tests/migration/changes/test_kills.py \
	  tests/integration/migration/test_resume.py tests/integration/migration/test_verify.py
	ANDAMIOS_TEST_DEEP=$(DEEP) $(BIN)/pytest -n auto tests/unit/testing tests/integration/testing
	ANDAMIOS_TEST_DEEP=$(DEEP) $(BIN)/pytest -n auto tests/integration tests/e2e -k mysql

.PHONY: test-all
test-all: $(STAMP) ## Test on each Python with the oldest and the newest dependencies; long
	@PYTHONS="$(PYTHONS)" $(BIN)/python -m tests.matrix $(HANGS) $(ARGS)

.PHONY: mutation
mutation: $(STAMP) ## See which mistakes no fast test notices; ARGS="--sample 300 --seed 1"
	@$(BIN)/python -m tests.mutation $(ARGS)

.PHONY: test-compliance
test-compliance: $(STAMP) ## Run SQLAlchemy's own suite on the DuckDB dialect
	$(call compliance,sync,)
	$(call compliance,async,)

.PHONY: check
check: $(STAMP) ## Check format, lint, types, layers and dependencies
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m tests.typing

.PHONY: bench
bench: $(STAMP) ## Compare speed with the raw driver; ARGS="--only sqlite --operations get"
	@$(BIN)/python -m benchmarks $(ARGS)

.PHONY: bench-check
bench-check: $(STAMP) ## Fail if something is slower than its budget
	@$(BIN)/python -m benchmarks --check $(ARGS)

.PHONY: bench-peers
bench-peers: $(STAMP) ## Compare speed with other libraries; ARGS=--record keeps it in docs
	@$(BIN)/python -m benchmarks.peers.speed $(ARGS)

.PHONY: bench-growth
bench-growth: $(STAMP) ## See what grows with rows, columns, models and calls
	@$(BIN)/python -m benchmarks.growth $(ARGS)

.PHONY: flames
flames: $(STAMP) ## Draw where the time goes; ARGS="--only sqlite --functions"
	@$(BIN)/python -m benchmarks.flames $(ARGS)

.PHONY: docs
docs: $(STAMP) ## Build the documentation into site/; warnings are errors
	$(BIN)/zensical build --clean --strict --config-file mkdocs.yml

.PHONY: db-start
db-start: ## Start the database servers of compose.yaml and wait for them
	docker compose up --detach --wait

.PHONY: db-stop
db-stop: ## Stop the database servers and forget their data
	docker compose down --volumes

.PHONY: clean
clean: ## Remove caches and build outputs; .venv stays
	rm -rf build dist site htmlcov coverage.xml .coverage .coverage.* .benchmarks .cache .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pyrefly_cache .pytest_cache .ruff_cache .schemathesis
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: lock
lock: ## Pin the newest versions in requirements-dev.txt (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv. Fix: pip install uv"; exit 1; }
	@{ echo '# Everything that development needs, pinned for every Python >= 3.11 and every platform.'; \
	   echo '# Made from pyproject.toml by `make lock`; edit there, not here.'; \
	   $(UV) pip compile pyproject.toml --all-extras --group dev --upgrade --quiet \
	     --universal --python-version 3.11 \
	     --no-header --no-emit-index-url --no-emit-find-links; } > requirements-dev.txt.new \
	   || { rm -f requirements-dev.txt.new; exit 1; }
	@mv requirements-dev.txt.new requirements-dev.txt
	@echo "Wrote requirements-dev.txt"

# It brings a dozen packages that nothing else needs, so they have a place of their own.
build/fuzz/.stamp: examples/integration/conduit/fuzz-requirements.txt
	@test -x build/fuzz/bin/python || $(BIN)/python -m venv build/fuzz
	build/fuzz/bin/python -m pip install --disable-pip-version-check --quiet --requirement $<
	@touch $@

# The stamp is newer than both files exactly when .venv holds what they ask for.
$(STAMP): requirements-dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || test -x $(BIN)/python || \
	  { echo "There is no \`$(PYTHON)\`. Fix: install Python 3.11 or newer, or name it: make setup PYTHON=/path/to/python"; exit 1; }
	@python=$(PYTHON); if test -x $(BIN)/python; then python=$(BIN)/python; fi; \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "andamios_orm needs Python 3.11 or newer, and \`$$python\` is $$($$python --version 2>&1)."; \
	    if test -x $(BIN)/python; then echo "Fix: remove $(VENV) and run make setup again"; \
	    else echo "Fix: name a newer one, for example make setup PYTHON=python3.12"; fi; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --requirement requirements-dev.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
