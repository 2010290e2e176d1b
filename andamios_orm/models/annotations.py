"""The annotations of a class body, in whichever way this Python keeps them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from typing import Any

if sys.version_info >= (3, 14):
    from annotationlib import Format, call_annotate_function, get_annotate_from_class_namespace

__all__ = ["annotations_in", "take_annotations"]


def annotations_in(namespace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the annotations of a class body; what is not declared yet is a forward reference."""
    if sys.version_info >= (3, 14):
        annotate = get_annotate_from_class_namespace(namespace)
        if annotate is not None:
            return call_annotate_function(annotate, Format.FORWARDREF)
    found: Mapping[str, Any] = namespace.get("__annotations__", {})
    return found


def take_annotations(namespace: dict[str, Any], names: Collection[str]) -> None:
    """Take annotations out of a class body."""
    if sys.version_info >= (3, 14):
        annotate = get_annotate_from_class_namespace(namespace)
        if annotate is not None:

            def without(format: Format, /) -> dict[str, Any]:
                found = call_annotate_function(annotate, format)
                return {name: value for name, value in found.items() if name not in names}

            key = "__annotate__" if "__annotate__" in namespace else "__annotate_func__"
            namespace[key] = without
    for name in namespace.get("__annotations__", {}).keys() & names:
        del namespace["__annotations__"][name]
