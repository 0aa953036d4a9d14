"""Segments that a house names by rules: which leads belong to them now, read from one TOML file."""

import math
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from stream.lead.eligibility import Standing, Status
from stream.lead.kind_sequences import Kinds, KindSequence, KindSequences
from stream.lead.limits import Window
from stream.lead.toml_files import STRICT, TomlFileError, read_toml, refuse_same_names

if TYPE_CHECKING:  # a state knows the house, and the house knows this
    from stream.lead.state import LeadState

MAX_SEGMENTS = 64
LEARNED_ID = re.compile("s[0-9]+")


class SegmentsFileError(TomlFileError):
    """The segments file cannot be used; the message says line, field and remedy."""


class Who(Standing):
    """Which leads a segment is for; unlike those of an action, of any outcome if none is named."""

    outcomes: Annotated[tuple[Status, ...], Field(min_length=1, strict=False)] = (
        "open",
        "won",
        "lost",
    )

    @model_validator(mode="after")
    def _tests_something(self) -> "Who":
        if not self.model_fields_set:
            raise ValueError(f"give at least one of {', '.join(Who.model_fields)}")
        return self

    def holds(self, state: "LeadState", score: float, tier: str | None) -> bool:
        """Tell whether a lead passes all tests, its outcome among them.

        Examples
        --------
        >>> from stream.lead.state import LeadState
        >>> state = LeadState.new("L", 0.0)
        >>> Who(min_score=50.0).holds(state, 60.0, "warm")
        True
        >>> Who(outcomes=("won",)).holds(state, 60.0, "warm")
        False
        """
        return self.has_outcome(state) and super().holds(state, score, tier)


class RuleSegment(BaseModel):
    """One segment; the tests that are given must all hold.

    Parameters
    ----------
    name
        Under which it goes out.
    who
        Tests of score, tier, stage, attributes, products and outcome.
    sequence
        Kinds of events that happened in this order, each a step of its own; others may lie
        between. A kind stands for all that it begins by whole parts: ``page_view`` for
        ``page_view:pricing``. It holds for as long as its steps are in the journey that is
        kept (``stream.lead.state.MAX_JOURNEY`` events), however long ago that was; give
        ``active_within_s`` too where it must be recent.
    within_s
        Longest time from the sequence's first step to its last, both included.
    silent_for_s
        The lead itself has done nothing for at least this long; where it never did anything, since
        it was first heard of.
    active_within_s
        The lead itself did something less than this long ago. The end is left out, so that the
        same figure as ``silent_for_s`` parts all leads that ever did something in two.
    """

    model_config = STRICT

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
    who: Who | None = None
    sequence: Kinds | None = None
    within_s: Window | None = None
    silent_for_s: Window | None = None
    active_within_s: Window | None = None

    @field_validator("name")
    @classmethod
    def _is_no_learned_id(cls, name: str) -> str:
        if LEARNED_ID.fullmatch(name):
            raise ValueError("s and a number is what learned segments are called; rename it")
        return name

    @model_validator(mode="after")
    def _can_hold(self) -> "RuleSegment":
        if not self.model_fields_set - {"name"}:
            raise ValueError("say whom: who, sequence, silent_for_s, active_within_s")
        if self.within_s is not None and len(self.sequence or ()) < 2:
            raise ValueError("within_s goes with a sequence of at least two kinds")
        if (
            self.silent_for_s is not None
            and self.active_within_s is not None
            and self.silent_for_s >= self.active_within_s
        ):
            raise ValueError("silent_for_s must be below active_within_s, or nobody is in it")
        return self

    def holds_by_now(self, silent_since_s: float, active_s: float, now_s: float) -> bool:
        """Tell whether the tests of how long ago the lead was active hold."""
        return (self.silent_for_s is None or now_s >= silent_since_s + self.silent_for_s) and (
            self.active_within_s is None or now_s < active_s + self.active_within_s
        )


class RuleSegments(BaseModel):
    """All segments of the house."""

    model_config = STRICT

    schema_version: Literal[1] = 1
    segment: Annotated[tuple[RuleSegment, ...], Field(max_length=MAX_SEGMENTS, strict=False)] = ()

    @model_validator(mode="after")
    def _has_names_of_their_own(self) -> "RuleSegments":
        refuse_same_names("segments", (segment.name for segment in self.segment))
        return self

    @cached_property
    def names(self) -> frozenset[str]:
        """The segments' names."""
        return frozenset(segment.name for segment in self.segment)

    def members(
        self, state: "LeadState", score: float, tier: str | None, now_s: float
    ) -> tuple[str, ...]:
        """Return the names of the segments that a lead belongs to now, sorted.

        Parameters
        ----------
        state
            The lead's, brought up to ``now_s``; it is left as it is.
        score, tier
            As of now; 0 and None for a lead that was not scored.
        now_s
            The log's time, epoch seconds.

        Examples
        --------
        >>> from stream.lead.state import LeadState
        >>> segments = parse_rule_segments('''
        ... [[segment]]
        ... name = "went_quiet_after_pricing"
        ... who.outcomes = ["open"]
        ... sequence = ["page_view:pricing", "form_fill"]
        ... within_s = 3600
        ... silent_for_s = 86400
        ... ''')
        >>> state = LeadState.new("L", 50.0)
        >>> state.journey = [[50.0, "page_view:pricing", 20.0], [90.0, "form_fill:contact", 0.0]]
        >>> state.last_active_s = 90.0
        >>> segments.members(state, 60.0, "warm", 100.0)
        ()
        >>> segments.next_change_s(state, 100.0)
        86490.0
        >>> segments.members(state, 60.0, "warm", 86490.0)
        ('went_quiet_after_pricing',)
        """
        if not self.segment:
            return ()
        silent_since_s, active_s = _activity_s(state)
        completed = self._sequences.completed(state.journey)
        return tuple(
            segment.name
            for segment in self._sorted
            if segment.holds_by_now(silent_since_s, active_s, now_s)
            and (segment.sequence is None or segment.name in completed)
            and (segment.who is None or segment.who.holds(state, score, tier))
        )

    def next_change_s(self, state: "LeadState", after_s: float) -> float | None:
        """Return when time alone can next change the segments of a lead; None for never.

        Until then, and without it, they stay while the state, the score and the tier do.

        Parameters
        ----------
        state
            The lead's.
        after_s
            The log's time, or the due time that was dealt with; what is returned is later.
        """
        if not self.segment:
            return None
        since_s, active_s = _activity_s(state)
        spans_s = self._silences_s if active_s == -math.inf else self._spans_s
        return next((since_s + s for s in spans_s if since_s + s > after_s), None)

    @cached_property
    def _sorted(self) -> Sequence[RuleSegment]:
        return sorted(self.segment, key=lambda segment: segment.name)

    @cached_property
    def _sequences(self) -> KindSequences:
        return KindSequences(
            KindSequence(
                segment.name,
                segment.sequence,
                math.inf if segment.within_s is None else segment.within_s,
            )
            for segment in self.segment
            if segment.sequence is not None
        )

    @cached_property
    def _silences_s(self) -> Sequence[float]:
        return sorted({s.silent_for_s for s in self.segment if s.silent_for_s is not None})

    @cached_property
    def _spans_s(self) -> Sequence[float]:
        active_s = {s.active_within_s for s in self.segment if s.active_within_s is not None}
        return sorted(active_s.union(self._silences_s))


def _activity_s(state: "LeadState") -> tuple[float, float]:
    """Return since when a lead has been silent, and when it was last active: -inf for never."""
    if state.last_active_s > 0:
        return state.last_active_s, state.last_active_s
    return state.first_at_s, -math.inf


def parse_rule_segments(text: str, file_name: str = "segments.toml") -> RuleSegments:
    r"""Read the segments from TOML.

    Raises
    ------
    SegmentsFileError
        With file, line, field and remedy, for anything that is not a valid set of segments.

    Examples
    --------
    >>> parse_rule_segments('[[segment]]\nname = "x"\nsequence = ["pricing"]')
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    stream.lead.rule_segments.SegmentsFileError: segments.toml, line 3: ... begin with one of: ...
    """
    return read_toml(text, file_name, RuleSegments, SegmentsFileError, "run with the default ones")
