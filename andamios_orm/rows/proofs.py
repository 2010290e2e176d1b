"""Values that a field takes as they are, by their type alone, so that nothing need validate them.

pydantic-core gives an exact `str` back for a field that is a `str` and nothing more, and so it is
with Python's other plain types. Asking the type takes a twentieth of asking the validator. What
is not proved here is no refusal: it is for the validator to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Context, Decimal
from typing import Any, NamedTuple, cast
from uuid import UUID

from pydantic import BaseModel

from andamios_orm.schema.representations.base import Expression

__all__ = ["Proof", "proof_of", "proofs_of", "sized_text"]

_TYPES: Mapping[str, type] = {
    "bool": bool,
    "bytes": bytes,
    "date": date,
    "datetime": datetime,
    "float": float,
    "int": int,
    "str": str,
    "time": time,
    "timedelta": timedelta,
    "uuid": UUID,
}
"""What a core schema calls a type."""

_SILENT = frozenset({"type", "strict", "metadata", "ref", "microseconds_precision"})
"""What a core schema can say without another verdict on a value of the very type."""

_DEFAULTS = frozenset({"default", "default_factory", "default_factory_takes_data", "schema"})
"""What it says of a missing value, which is none."""


class Proof(NamedTuple):
    """What is true of values that a field gives back as they are."""

    kind: type
    """Their type, which they are of exactly."""
    rule: Expression | None = None
    """What else is true of those of this type."""
    nullable: bool = False
    """Whether None is such a value, too."""

    def whole(self) -> Expression:
        """Return all of it as one expression."""
        names: dict[str, object] = {"kind": self.kind}
        source = "type({0}) is {kind}"
        if self.rule is not None:
            source, names = f"{source} and {self.rule.source}", names | self.rule.names
        if self.nullable:
            source = f"({{0}} is None or {source})"
        return Expression(source, **names)


def proofs_of(model: type[BaseModel]) -> dict[str, Proof]:
    """Return, by field, what is true of values that the field gives back as they are.

    Fields with further rules are left out, as are all where the model's schema has a form that is
    not known.
    """
    config = model.model_config
    doubtful = {name for name in config if name.startswith("str_")}
    if config.get("allow_inf_nan") is False:
        doubtful.add("allow_inf_nan")
    try:
        whole = cast("dict[str, Any]", model.__pydantic_core_schema__)
        if whole["type"] == "definitions":
            whole = whole["schema"]
        fields = whole["schema"]["fields"]
    except (KeyError, TypeError):
        return {}
    if doubtful or whole["type"] != "model" or whole["schema"]["type"] != "model-fields":
        return {}
    found = {name: proof_of(field["schema"]) for name, field in fields.items()}
    return {name: proof for name, proof in found.items() if proof is not None}


def proof_of(schema: dict[str, Any]) -> Proof | None:
    """Return the same for the field with this core schema, None if there is no proof."""
    kind = schema["type"]
    if kind == "default" and schema.keys() <= _DEFAULTS | _SILENT:
        return proof_of(schema["schema"])
    if kind == "nullable" and schema.keys() <= {"schema"} | _SILENT:
        inner = proof_of(schema["schema"])
        return None if inner is None else inner._replace(nullable=True)
    if kind == "decimal":
        return _decimal(schema)
    exact = _TYPES.get(kind)
    if exact is None or not schema.keys() <= _SILENT:
        return None
    return Proof(exact)


def _decimal(schema: dict[str, Any]) -> Proof | None:
    """Return the proof of a number with a limit of digits, which pydantic counts in Python."""
    digits, places = schema.get("max_digits"), schema.get("decimal_places")
    sized = schema.keys() <= {"max_digits", "decimal_places"} | _SILENT
    if digits is None or places is None or not sized:
        return None
    fits = Expression(
        "{0}.is_finite() and {quantize}({0}, {unit}) == {0}",
        # Without traps, what does not fit comes out as another number, or as NaN.
        quantize=Context(prec=digits, traps=[]).quantize,
        unit=Decimal(1).scaleb(-places),
    )
    return Proof(Decimal, fits)


def sized_text(schema: dict[str, Any]) -> Expression:
    """Return what is true of texts that are numbers of no more digits than this core schema takes.

    Only of those with as many decimal places as it takes, as engines write them; and whether it
    is the text of a number at all is for the validator to say.

    >>> fits = sized_text({"max_digits": 4, "decimal_places": 2})
    >>> [bool(fits(text)) for text in ("12.50", "-1.25", "123.50", "1.5", "1.250")]
    [True, True, False, False, False]
    """
    digits, places = schema["max_digits"], schema["decimal_places"]
    if places == 0:
        return Expression(
            "{0}.__class__ is str and len({0}) <= {most} and {0}.isdigit()", most=digits
        )
    # With the point, and a sign counted as a digit.
    return Expression(
        "{0}.__class__ is str and len({0}) <= {most} and {0}[{point}] == '.'"
        " and {0}[{places}].isdigit()",
        most=digits + 1,
        point=slice(-places - 1, -places),
        places=slice(-places, None),
    )
