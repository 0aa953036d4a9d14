"""From the features of a request, JSON of any depth, to those that the model learns by."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

LONGEST_VALUE = 128
"""Characters of a text that tell it apart from others."""


def features_of(given: Iterable[Any]) -> dict[str, float | str]:
    """Return features by name, names of objects within objects joined by dots.

    Text and booleans are categories, each text of a list is one on its own; numbers enter by their
    logarithm with their sign, since neither sense nor scale of them is known. What is null is not
    there.

    >>> features_of([{"user": {"role": "buyer", "tags": ["a"]}}, {"spent": 0, "new": True}])
    {'user.role': 'buyer', 'user.tags:a': 'true', 'spent': 0.0, 'new': 'true'}
    """
    return dict(pair for item in given for pair in _pairs("", item))


def _pairs(name: str, value: Any) -> Iterator[tuple[str, float | str]]:
    match value:
        case None:
            return
        case dict():
            for key, inner in value.items():
                yield from _pairs(f"{name}.{key}" if name else key, inner)
        case list():
            for inner in value:
                if isinstance(inner, str):
                    yield f"{name}:{inner[:LONGEST_VALUE]}", "true"
                else:
                    yield from _pairs(name, inner)
        case bool():
            yield name, str(value).lower()
        case int() | float():
            yield name, math.copysign(math.log1p(abs(value)), value)
        case _:
            yield name, value[:LONGEST_VALUE]
