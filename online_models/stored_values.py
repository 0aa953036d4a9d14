"""What a stored attribute may be: checks that are put together to say it."""

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]
LARGEST_NUMBER = 1e140
LARGEST_SQUARE = 1e300
"""Squares of such numbers, and sums of many of them, are numbers still."""
LONGEST_TEXT = 4_096


def finite(value: Any) -> bool:
    """Tell whether a value is a finite number."""
    return type(value) in (int, float) and -LARGEST_SQUARE <= value <= LARGEST_SQUARE


def number(value: Any) -> bool:
    """Tell whether a value is a number that may be squared."""
    return type(value) in (int, float) and -LARGEST_NUMBER <= value <= LARGEST_NUMBER


def not_negative(value: Any) -> bool:
    """Tell whether a value is a number that is not negative."""
    return number(value) and value >= 0


def square(value: Any) -> bool:
    """Tell whether a value may be a sum of squares."""
    return finite(value) and value >= 0


def positive(value: Any) -> bool:
    """Tell whether a value is a number above zero, far enough to divide by."""
    return number(value) and value >= 1e-100


def share(value: Any) -> bool:
    """Tell whether a value is above 0 and at most 1."""
    return positive(value) and value <= 1


def whole(value: Any) -> bool:
    """Tell whether a value is an integer."""
    return type(value) is int and -(10**15) <= value <= 10**15


def count(value: Any) -> bool:
    """Tell whether a value is an integer that is not negative."""
    return whole(value) and value >= 0


def flag(value: Any) -> bool:
    """Tell whether a value is a truth value."""
    return type(value) is bool


def text(value: Any) -> bool:
    """Tell whether a value is a text that is not too long."""
    return type(value) is str and len(value) <= LONGEST_TEXT


def nothing(value: Any) -> bool:
    """Tell whether a value is None."""
    return value is None


def either(*checks: Check) -> Check:
    """Return a check that one of several holds."""
    return lambda value: any(check(value) for check in checks)


def one_of(*texts: str) -> Check:
    """Return a check for one of these texts."""
    return lambda value: type(value) is str and value in texts


def between(least: int, most: int) -> Check:
    """Return a check for an integer in a range."""
    return lambda value: type(value) is int and least <= value <= most


def a(*classes: type) -> Check:
    """Return a check for an object of one of these very classes."""
    return lambda value: type(value) in classes


def lists(item: Check, least: int = 0, most: int = 10**6) -> Check:
    """Return a check for a list of such items."""
    return lambda v: type(v) is list and least <= len(v) <= most and all(map(item, v))


def sets(item: Check) -> Check:
    """Return a check for a set of such items."""
    return lambda value: type(value) is set and all(map(item, value))


def dicts(key: Check, item: Check, kind: type[dict[Any, Any]] = dict) -> Check:
    """Return a check for a dictionary of such keys and values."""

    def check(value: Any) -> bool:
        return type(value) is kind and all(map(key, value)) and all(map(item, value.values()))

    return check
