"""What of a lead's features tells its segment: mixes of counts, categories, and numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from online_models.axes import LARGEST_POSITION, category
from online_models.protocols import Features

MOST_COUNTED = 50.0
"""A lead with more events of a mix counts as one with this many: none is a segment by itself."""
MOST_WORDS = 64
"""Of a mix in one lead; the least frequent ones beyond are left out."""
LONGEST_WORD = 200
"""Characters; longer names and categories are left out."""


class SegmentRow(NamedTuple):
    """What is kept of one vector: how often each word came, and numbers by feature.

    A word is one of a mix (``count:page_view:pricing``) or a category
    (``attribute:industry=finance``, once).
    """

    words: dict[str, float]
    numbers: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentInputs:
    """Which features segments are made of; what leads became is not among them, by intent.

    Parameters
    ----------
    mixes
        Kinds of events of which the shares of what they were about count: ``page_view`` takes
        ``count:page_view:pricing`` and its like, logarithms of 1 and a count.
    categories
        Features whose text counts.
    numbers
        Features whose number counts; near normal, so logarithms rather than sizes.
    fewest_events
        Events of all mixes that a lead must have, so that enough is known of it.

    Raises
    ------
    ValueError
        If there is no mix, or ``fewest_events`` is not 1 or more.
    """

    mixes: tuple[str, ...] = ("page_view", "form_fill")
    categories: tuple[str, ...] = (
        "attribute:industry",
        "attribute:job_title",
        "attribute:lead_source",
    )
    numbers: tuple[str, ...] = ("attribute_log:company_size",)
    fewest_events: int = 8

    def __post_init__(self) -> None:
        if not self.mixes:
            raise ValueError("mixes is empty: name a kind of event, such as page_view")
        if self.fewest_events < 1:
            raise ValueError(f"fewest_events is {self.fewest_events!r}: it must be 1 or more")

    def row_of(self, x: Features) -> SegmentRow | None:
        """Return what a vector says of its lead's segment; None if that is not enough.

        Raises
        ------
        ValueError
            If a feature that is looked at is no finite number.

        Examples
        --------
        >>> inputs = SegmentInputs(fewest_events=2)
        >>> x = {"count:page_view": math.log1p(2), "count:page_view:docs": math.log1p(2)}
        >>> inputs.row_of(x), inputs.row_of({})
        (SegmentRow(words={'count:page_view:docs': 2.0}, numbers={}), None)
        """
        totals = {mix: count_of(x, f"count:{mix}") for mix in self.mixes}
        if not is_enough(sum(totals.values()), self.fewest_events):
            return None
        words: dict[str, float] = {}
        for mix, total in totals.items():
            prefix = f"count:{mix}:"
            names = [name for name in x if name.startswith(prefix) and len(name) <= LONGEST_WORD]
            counts = sorted((-count_of(x, name), name) for name in names)[:MOST_WORDS]
            scale = scale_of(total)
            words |= {name: round(-count * scale, 9) for count, name in counts if count < 0.0}
        for name in self.categories:
            value = x.get(name)
            if isinstance(value, str) and len(word := category(name, value)) <= LONGEST_WORD:
                words[word] = 1.0
        numbers = {
            name: max(-LARGEST_POSITION, min(LARGEST_POSITION, value))
            for name in self.numbers
            if (value := _number(x, name)) is not None
        }
        return SegmentRow(words, numbers)

    def seen_in(self, x: Features) -> dict[str, float | str]:
        """Return what of a vector is looked at, if that is enough to tell; else nothing.

        >>> inputs = SegmentInputs(fewest_events=1)
        >>> inputs.seen_in({"count:form_fill": 0.7, "count_1d:form_fill": 0.5, "age": 9.0})
        {'count:form_fill': 0.7}
        """
        counts = tuple(f"count:{mix}" for mix in self.mixes)
        if not is_enough(sum(count_of(x, name) for name in counts), self.fewest_events):
            return {}
        names = {*counts, *self.categories, *self.numbers}
        prefixes = tuple(f"{name}:" for name in counts)
        return {
            name: value for name, value in x.items() if name in names or name.startswith(prefixes)
        }

    def block_of(self, word: str) -> str | None:
        """Return the mix or the category that a word is of; None if of none that is looked at.

        >>> inputs = SegmentInputs()
        >>> inputs.block_of("count:page_view:docs"), inputs.block_of("attribute:industry=media")
        ('count:page_view', 'attribute:industry')
        """
        for mix in self.mixes:
            if word.startswith(f"count:{mix}:"):
                return f"count:{mix}"
        return next((name for name in self.categories if word.startswith(f"{name}=")), None)


def is_enough(events: float, fewest: int) -> bool:
    """Tell whether so many events are enough; logarithms do not return counts to the last bit."""
    return events > fewest - 1e-6


def scale_of(total: float) -> float:
    """Return what a count is taken as a share of, so that no lead counts for too many events.

    >>> scale_of(20.0), scale_of(100.0)
    (1.0, 0.5)
    """
    return MOST_COUNTED / total if total > MOST_COUNTED else 1.0


def count_of(x: Mapping[str, float | str], name: str) -> float:
    """Return a count whose logarithm is a feature; 0 for a missing one."""
    value = _number(x, name)
    return 0.0 if value is None else math.expm1(max(0.0, min(LARGEST_POSITION, value)))


def _number(x: Mapping[str, float | str], name: str) -> float | None:
    value = x.get(name)
    if value is None or isinstance(value, str):
        return None
    if not math.isfinite(value):
        raise ValueError(f"{name} is {value!r}: give a finite number, or leave it out")
    return float(value)
