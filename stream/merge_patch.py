"""JSON merge patch (RFC 7396): an object that says which fields change, null for those that go."""

from collections.abc import Iterable
from typing import Any

import orjson

from stream.expected import ExpectedError


class PatchError(ExpectedError, ValueError):
    """A patch cannot be read; the message says what to give instead."""


def merged(target: Any, patch: Any) -> Any:
    """Return a JSON value with a patch applied.

    >>> merged({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 9, "b": {"c": None}})
    {'a': 9, 'b': {'d': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patch_of(text: str | None, assignments: Iterable[str]) -> dict[str, Any] | None:
    """Return the patch that JSON text and ``field=value`` assignments make; None for neither.

    Fields may be paths with dots; a value that is no JSON is taken as text.

    >>> patch_of('{"a": 1}', ["b.c=2", "d=text"])
    {'a': 1, 'b': {'c': 2}, 'd': 'text'}
    """
    patch: dict[str, Any] | None = None
    if text is not None:
        try:
            given = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise PatchError(f"the patch is not JSON ({error}); {_EXAMPLE}") from None
        if not isinstance(given, dict):
            raise PatchError(f"the patch is not a JSON object; {_EXAMPLE}")
        patch = given
    for assignment in assignments:
        path, found, value = assignment.partition("=")
        if not found or not all(path.split(".")):
            raise PatchError(f"{assignment!r} is no field=value; give one like duration_s=3")
        patch = {} if patch is None else patch
        holder = patch
        *outer, name = path.split(".")
        for part in outer:
            inner = holder.get(part)
            holder[part] = inner if isinstance(inner, dict) else {}
            holder = holder[part]
        try:
            holder[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            holder[name] = value
    return patch


_EXAMPLE = """give an object like '{"duration_s": 3, "title": null}'"""
