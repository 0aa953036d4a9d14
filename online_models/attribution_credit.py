"""What a channel gets of conversions and of their value, so that all of it is dealt and no more."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

Sums = dict[int, list[int]]
"""Conversions and their value in minor units, by a key that is a whole number."""
Weight = Fraction | float
Share = Callable[[int], Fraction]
"""What a touch gets, by the length of its journey."""


class Weights(NamedTuple):
    """How conversions and their value are to be dealt: a weight for each channel."""

    conversions: Sequence[Weight]
    value: Sequence[Weight]


class Credit(NamedTuple):
    """A channel's part: conversions as an exact fraction, value in whole minor units.

    Parts of all channels sum to the totals exactly. ``float(credit.conversions)`` is for show:
    floats need not sum to a whole number.
    """

    conversions: Fraction
    value_minor: int


def add(sums: Sums, key: int, conversions: int, value_minor: int) -> None:
    """Add to what is kept by a key."""
    if key in sums:
        sums[key][0] += conversions
        sums[key][1] += value_minor
    else:
        sums[key] = [conversions, value_minor]


def by_length(sums: Sums, base: int) -> Sums:
    """Return sums by ``length * base + channel`` added up by length."""
    totals: Sums = {}
    for key, (conversions, value_minor) in sums.items():
        add(totals, key // base, conversions, value_minor)
    return totals


def spread(sums: Mapping[int, list[int]], base: int, share: Share) -> list[list[Fraction]]:
    """Return what channels get of sums that are kept by length and channel.

    Parameters
    ----------
    sums
        By ``length * base + channel``.
    base
        Above every channel's number.
    share
        What a touch gets, by length.

    Returns
    -------
    parts
        Of conversions and of their value, each of shape ``(base,)``.
    """
    parts = [[Fraction(0)] * base, [Fraction(0)] * base]
    by_length: dict[int, list[tuple[int, list[int]]]] = {}
    for key, both in sums.items():
        by_length.setdefault(key // base, []).append((key % base, both))
    for length, rows in by_length.items():
        part = share(length)
        for channel, (conversions, value_minor) in rows:
            parts[0][channel] += part * conversions
            parts[1][channel] += part * value_minor
    return parts


def dealt(total: int, weights: Sequence[Weight]) -> list[Fraction]:
    """Return the total dealt in proportion to the weights; the parts sum to it exactly.

    Parameters
    ----------
    total
        What is dealt, not below 0.
    weights
        Not below 0. Without any above 0 nothing is dealt.

    Examples
    --------
    >>> sum(dealt(1, [0.1, 1.2000000000000002]))  # in floats 0.9999999999999999
    Fraction(1, 1)
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact, Fraction(0))
    return [total * weight / whole for weight in exact] if whole else exact


def dealt_whole(total: int, weights: Sequence[Weight]) -> list[int]:
    """Return the total dealt in whole units by largest remainders (Hamilton's rule).

    Each part is its exact share, rounded down; units that are left go to the largest remainders,
    to the first one of equals.

    Parameters
    ----------
    total, weights
        As in ``dealt``.

    Examples
    --------
    >>> dealt_whole(100, [1.0, 1.0, 1.0])
    [34, 33, 33]
    """
    shares = dealt(total, weights)
    parts = [int(share) for share in shares]
    left = int(sum(shares, Fraction(0))) - sum(parts)
    for n in sorted(range(len(parts)), key=lambda n: parts[n] - shares[n])[:left]:
        parts[n] += 1
    return parts
