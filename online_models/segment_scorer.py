"""Which segment a lead is of: small, fast, and slow to change its mind."""

from collections.abc import Mapping
from math import expm1, log
from operator import add, mul
from typing import Any, Self

from online_models import formats
from online_models.axes import LARGEST_POSITION
from online_models.protocols import Features
from online_models.segment_formats import SNAPSHOT, SegmentsSnapshot
from online_models.segment_inputs import SegmentInputs, count_of, is_enough, scale_of

SNAPSHOT_SCHEMA = 1
LIBRARY = "leadstream segments"
TIMES_LIKELIER = 3.0
"""A lead changes its segment once another is so many times as likely as its own."""

_MARGIN = log(TIMES_LIKELIER)


class SegmentScorer:
    """Assigns leads to segments; what `LeadSegments.snapshot` returns, serving.

    Some 17 to 24 µs of CPU a lead with four segments, up to 38 where other work shares the cores.

    Parameters
    ----------
    snapshot
        Of the segments.

    Attributes
    ----------
    names
        Of each segment by its id.

    Raises
    ------
    ModelFormatError
        If the snapshot is of another schema, or broken.
    """

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        if isinstance(snapshot, dict):
            formats.check_origin(snapshot, SNAPSHOT_SCHEMA, LIBRARY)
        state: SegmentsSnapshot = formats.validated(SNAPSHOT, snapshot, "snapshot")
        self.names = state["names"]
        self._ids = list(self.names)
        self._place = {segment: place for place, segment in enumerate(self._ids)}
        self._heirs = state["heirs"]
        self._log_weights = state["log_weights"]
        inputs = inputs_from(state["inputs"])
        self._fewest = inputs.fewest_events
        lengths = {len(self._log_weights), *map(len, state["words"].values())}
        lengths |= set(map(len, state["numbers"].values()))
        if lengths != {len(self._ids)}:
            raise formats.ModelFormatError(
                "snapshot is broken: names and weights are of different numbers of segments; "
                "the former one stays in use"
            )
        by_block: dict[str, list[tuple[str, list[float]]]] = {}
        for word, weights in state["words"].items():
            by_block.setdefault(inputs.block_of(word) or "", []).append((word, weights))
        self._mixes = [
            (name, [word for word, _ in words], list(zip(*(w for _, w in words), strict=True)))
            for name in (f"count:{mix}" for mix in inputs.mixes)
            for words in [by_block.get(name, [])]
        ]
        self._categories = [
            (name, {word[len(name) + 1 :]: weights for word, weights in by_block.get(name, [])})
            for name in inputs.categories
        ]
        self._numbers = list(state["numbers"].items())

    @classmethod
    def restore(cls, snapshot: dict[str, Any]) -> Self:
        """Rebuild a scorer from a snapshot that was stored; raises as the constructor does."""
        return cls(snapshot)

    def name_of(self, segment: str) -> str | None:
        """Return the name of a segment, or of the one that took it over; None of an unknown one."""
        return self.names.get(self._heirs.get(segment, segment))

    def assign(self, x: Features, former: str | None = None) -> str | None:
        """Return the segment of a lead.

        Parameters
        ----------
        x
            The lead's features. What is missing says nothing.
        former
            The segment that it had; it stays there until another is three times as likely.

        Returns
        -------
        segment
            None while not enough is known of the lead, or of leads.
        """
        totals = [count_of(x, name) for name, _, _ in self._mixes]
        if not self._ids or not is_enough(sum(totals), self._fewest):
            return None
        sums, get = self._log_weights, x.get
        for (_, words, by_segment), total in zip(self._mixes, totals, strict=True):
            if words and total:
                counts = [
                    expm1(v) if isinstance(v := get(word), float) and v < LARGEST_POSITION else 0.0
                    for word in words
                ]
                scale = scale_of(total)
                said = [scale * sum(map(mul, counts, weights)) for weights in by_segment]
                sums = list(map(add, sums, said))
        for name, table in self._categories:
            found = table.get(get(name))  # type: ignore[arg-type]
            if found is not None:
                sums = list(map(add, sums, found))
        for name, parabolas in self._numbers:
            v = get(name)
            if v is not None and not isinstance(v, str):
                v = max(-LARGEST_POSITION, min(LARGEST_POSITION, v))
                sums = [
                    s + (a * v + b) * v + c for s, (a, b, c) in zip(sums, parabolas, strict=True)
                ]
        best = max(range(len(sums)), key=sums.__getitem__)
        own = None if former is None else self._place.get(self._heirs.get(former, former))
        if own is not None and sums[best] < sums[own] + _MARGIN:
            return self._ids[own]
        return self._ids[best]


def inputs_from(state: Mapping[str, Any]) -> SegmentInputs:
    """Return which features segments are made of, from their stored form."""
    return SegmentInputs(
        mixes=tuple(state["mixes"]),
        categories=tuple(state["categories"]),
        numbers=tuple(state["numbers"]),
        fewest_events=state["fewest_events"],
    )
