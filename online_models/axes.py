"""How features enter a linear model: text as categories, counts as they are, numbers on axes."""

import math
from collections.abc import Iterator

from online_models.protocols import Features

LARGEST_POSITION = 40.0
"""Ends of every axis: logarithms of numbers reach no further."""

_AS_THEY_ARE = ("count:", "count_1d:", "count_7d:")
_LOGGED_BESIDE = "attribute:"
_UNITS = {"points": 20.0}
"""What one step on a feature's axis is, where it is not one: most are logarithms already."""


def is_count(name: str) -> bool:
    """Tell whether a numeric feature is a log count.

    They are not centred: they share a unit, and a lead that lacks one must differ from a lead
    that has it, which centring on those that have it would undo.
    """
    return name.startswith(_AS_THEY_ARE)


def is_input(name: str) -> bool:
    """Tell whether a number of this name is learned of: one whose logarithm is beside it is not.

    >>> is_input("attribute:size"), is_input("attribute_log:size")
    (False, True)
    """
    return not name.startswith(_LOGGED_BESIDE)


def category(name: str, value: str) -> str:
    """Return the name of a text's category.

    >>> category("stage", "demo")
    'stage=demo'
    """
    return f"{name}={value}"


def knot_name(name: str, knot: int) -> str:
    """Return the name of a knot on a feature's axis.

    >>> knot_name("age", 9)
    'age~9'
    """
    return f"{name}~{knot}"


def unit_of(name: str) -> float:
    """Return what one step on a feature's axis is.

    >>> unit_of("points"), unit_of("age")
    (20.0, 1.0)
    """
    return _UNITS.get(name, 1.0)


def position_of(name: str, value: float) -> tuple[int, float] | None:
    """Return the knot below a number on its axis, and how far it is to the next, from 0 to 1.

    None for a number that is on no axis: a count, or one whose logarithm stands beside it.

    >>> position_of("age", 9.25), position_of("points", -30.0), position_of("count:open", 1.0)
    ((9, 0.25), (-2, 0.5), None)
    """
    if name.startswith((_LOGGED_BESIDE, *_AS_THEY_ARE)):
        return None
    position = max(-LARGEST_POSITION, min(LARGEST_POSITION, value / unit_of(name)))
    knot = math.floor(position)
    return knot, position - knot


def inputs_of(x: Features) -> Iterator[tuple[str, int | None, str, float]]:
    """Yield feature, knot, name and value of each input that a feature vector stands for."""
    for feature, value in x.items():
        if isinstance(value, str):
            yield feature, None, category(feature, value), 1.0
        elif is_count(feature):
            yield feature, None, feature, max(-LARGEST_POSITION, min(LARGEST_POSITION, value))
        elif (position := position_of(feature, value)) is not None:
            knot, share = position
            yield feature, knot, knot_name(feature, knot), 1.0 - share
            if share:
                yield feature, knot + 1, knot_name(feature, knot + 1), share
