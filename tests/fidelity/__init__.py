"""What comes back of difficult values: `python -m tests.fidelity` writes the page in docs."""
