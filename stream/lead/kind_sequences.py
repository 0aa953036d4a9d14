"""Sequences of kinds of events: which of them are in a lead's journey, told in one pass."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

from pydantic import AfterValidator, Field

from stream.lead.eligibility import fold
from stream.lead.kinds import MAX_KIND_CHARACTERS
from stream.lead.point_rules import EVENT_TYPES

MAX_STEPS = 8
"""Of a sequence; a journey keeps the newest ``stream.lead.state.MAX_JOURNEY`` steps of a lead."""

IN_JOURNEYS = EVENT_TYPES - {"action_result", "consent", "erasure", "lead_merge", "lead_profile"}
"""Types of the events that are steps of a journey."""


def _known(name: str) -> str:
    name = fold(name)
    event_type, colon, detail = name.partition(":")
    if event_type not in IN_JOURNEYS:
        raise ValueError(f"begin with one of: {', '.join(sorted(IN_JOURNEYS))}")
    if colon and not detail:
        raise ValueError(f"give what follows the colon, or {event_type!r} alone")
    return name


Kind = Annotated[str, Field(max_length=MAX_KIND_CHARACTERS), AfterValidator(_known)]
"""``page_view``, or more closely ``page_view:pricing``; compared without case."""
Kinds = Annotated[tuple[Kind, ...], Field(min_length=1, max_length=MAX_STEPS, strict=False)]


class KindSequence(NamedTuple):
    """Kinds that happen in this order, from first to last within a time."""

    name: str
    kinds: Sequence[str]
    within_s: float


class _Step(NamedTuple):
    """A step of a sequence; ``slot`` is its number among the steps of all sequences."""

    slot: int
    is_first: bool
    completes: str | None
    within_s: float


class KindSequences:
    """Sequences that are looked for together.

    Parameters
    ----------
    sequences
        With kinds as ``Kind`` returns them. A kind stands for all that it begins by whole parts:
        ``page_view`` for ``page_view:pricing``, ``activity:call`` for ``activity:call:missed``.

    Examples
    --------
    >>> wanted = KindSequences([KindSequence("asks", ("page_view:pricing", "form_fill"), 60.0)])
    >>> wanted.completed([[0.0, "page_view:pricing", 20.0], [50.0, "form_fill:contact", 0.0]])
    {'asks'}
    >>> wanted.completed([[0.0, "page_view:pricing", 20.0], [90.0, "form_fill:contact", 0.0]])
    set()
    """

    def __init__(self, sequences: Iterable[KindSequence]) -> None:
        own: dict[str, list[_Step]] = {}
        slot = 0
        for name, kinds, within_s in sequences:
            for number, kind in enumerate(kinds, start=1):
                completes = name if number == len(kinds) else None
                own.setdefault(kind, []).append(_Step(slot, number == 1, completes, within_s))
                slot += 1
        self._slots = slot
        # The last first: an event that can be two steps of a sequence is only one of them.
        self._steps: Mapping[str, Sequence[_Step]] = {
            kind: sorted(
                (step for other in own if _begins(other, kind) for step in own[other]),
                reverse=True,
            )
            for kind in own
        }

    def completed(self, journey: Iterable[Sequence[Any]]) -> set[str]:
        """Return the names of the sequences that are in a journey.

        Of each beginning of a sequence only the latest start counts: an earlier one makes no
        shorter span. So one pass over the journey tells.

        Parameters
        ----------
        journey
            Steps in time order, each [epoch seconds, kind, points], as a state keeps them.
        """
        completed: set[str] = set()
        if not self._slots:
            return completed
        starts_s: list[float | None] = [None] * self._slots
        for at_s, kind, _ in journey:
            for slot, is_first, completes, within_s in self._steps_of(kind):
                start_s = at_s if is_first else starts_s[slot - 1]
                if start_s is None:
                    continue
                starts_s[slot] = start_s
                if completes is not None and at_s - start_s <= within_s:
                    completed.add(completes)
        return completed

    def _steps_of(self, kind: str) -> Sequence[_Step]:
        """Return the steps that an event of a kind can be, those of its longest known beginning."""
        steps = self._steps.get(kind)  # most kinds are lower case as they are
        part = fold(kind) if steps is None else ""
        while steps is None and part:
            steps = self._steps.get(part)
            part = part.rpartition(":")[0]
        return steps or ()


def _begins(kind: str, other: str) -> bool:
    return kind == other or other.startswith(f"{kind}:")
