"""What a journey must be before it is learned, and the numbers that its channels get."""

from collections.abc import Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

from online_models.attribution_formats import LONGEST_NAME

OTHER = "other"
"""What channels are called together for which there was no more room, and one of that name."""
OTHER_NUMBER = 1
"""Zero is no channel: it is a step out of the Markov chain."""


class Channels:
    """Numbers of channels, in the order in which they come; those beyond a bound share one.

    Parameters
    ----------
    most
        Channels that get numbers of their own.

    Attributes
    ----------
    numbers
        By name, from 2 on.
    other_touches
        Touches that were numbered as ``other``.

    Examples
    --------
    >>> channels = Channels(2)
    >>> channels.numbered(["ads", "mail", "ads", "call"], 10), channels.other_touches
    ([2, 3, 2, 1], 10)
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.numbers: dict[str, int] = {}
        self.other_touches = 0

    def numbered(self, journey: Sequence[str], count: int) -> list[int]:
        """Return the numbers of a journey's channels; new ones get theirs.

        Raises
        ------
        ValueError
            If a name is no text, or too short or too long; then no channel gets a number.
        """
        numbers = self.numbers
        try:
            known = [numbers.get(name, 0) for name in journey]
        except TypeError:
            known = [0]
        if 0 not in known:
            return known
        for name in journey:
            if type(name) is not str or not 0 < len(name) <= LONGEST_NAME:
                raise ValueError(
                    f"journey has {name!r:.60}: a channel's name must be a text of 1 to "
                    f"{LONGEST_NAME} characters"
                )
        for name in journey:
            if name in numbers:
                continue
            if name != OTHER and len(numbers) < self._most:
                numbers[name] = len(numbers) + OTHER_NUMBER + 1
            else:
                self.other_touches += count
        return [numbers.get(name, OTHER_NUMBER) for name in journey]

    def by_name(self) -> dict[str, int]:
        """Return the numbers of all channels that came; ``other`` last, if there is any."""
        return self.numbers | ({OTHER: OTHER_NUMBER} if self.other_touches else {})


def ends(row: Sequence[Any], most: int) -> list[Any]:
    """Return the first and the last half of what may be kept.

    >>> ends("abcdefg", 5)
    ['a', 'b', 'e', 'f', 'g']
    """
    return [*row[: most // 2], *row[most // 2 - most :]]


def check_whole(name: str, number: int, least: int, most: int) -> None:
    """Refuse what is not a whole number in a range, with a ``ValueError``."""
    if type(number) is not int or not least <= number <= most:
        raise ValueError(f"{name} is {number!r:.60}: it must be a whole number, {least} to {most}")


def check_journey(journey: Sequence[str], touched_s: Sequence[float] | None) -> None:
    """Refuse a journey without touches, or times that are not its own.

    Raises
    ------
    ValueError
        It says what was found and what it must be.
    """
    if isinstance(journey, str) or not isinstance(journey, Sequence) or not journey:
        raise ValueError(
            f"journey is {journey!r:.60}: it must be a sequence of at least one channel's name"
        )
    if touched_s is None:
        return
    try:
        is_right = (
            len(touched_s) == len(journey)
            and isfinite(touched_s[0])
            and isfinite(touched_s[-1])
            and all(earlier <= later for earlier, later in pairwise(touched_s))
        )
    except (TypeError, OverflowError):
        is_right = False
    if not is_right:
        raise ValueError(
            f"touched_s is {touched_s!r:.60}: it must be seconds in order of time, one for each of "
            f"{len(journey)} touches"
        )
