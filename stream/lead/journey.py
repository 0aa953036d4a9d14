"""The stages of a house that decides them itself: how a lead comes in, goes on and is recycled.

Stages stand in the action catalogue in their order, each with what lets a lead in, and what takes
it elsewhere again::

    [[stage]]
    name = "engaged"
    enter.min_score = 40
    after_s = 1_209_600  # an occasion for stage_age

    [[stage]]
    name = "qualified"
    enter = { event = "form_fill", where.form_kind.equals = "demo_request" }
    leave = { to = "engaged", after_s = 2_592_000, max_score = 50 }  # recycled

The CRM's own ``stage_change`` always wins: the house's rules rest for its ``crm_stage_holds_s``
after it, and for as long as the lead is in a stage that they do not name.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, Field, model_validator

from stream.lead.eligibility import LeadTests, fold
from stream.lead.limits import Window
from stream.lead.point_rules import EVENT_TYPES, Condition
from stream.lead.points import value_at
from stream.lead.toml_files import STRICT

StageName = Annotated[str, Field(min_length=1, max_length=128)]


class Facts(NamedTuple):
    """What a stage is decided by: the lead as of now, and the event that happened, if one did.

    ``held_until_s`` is the time up to which the CRM's own word holds.
    """

    score: float
    tier: str | None
    attributes: Mapping[str, Any]
    event: Mapping[str, Any] | None = None
    held_until_s: float | None = None


class _Moves(LeadTests):
    """What must be so, and what must have happened, for a lead to change its stage."""

    event: str | None = None
    where: Mapping[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _tests_something(self) -> "_Moves":
        if self.event is not None and self.event not in EVENT_TYPES:
            known = ", ".join(sorted(EVENT_TYPES))
            raise ValueError(f"event {self.event!r} is none of: {known}")
        if self.where and self.event is None:
            raise ValueError("where goes with event: say which")
        if not self.model_fields_set - {"to"}:
            raise ValueError("say when: min_score, max_score, tiers, attributes, event")
        return self

    def met(self, facts: Facts) -> bool:
        """Tell whether everything holds."""
        return self._has_happened(facts.event) and self.hold(
            facts.score, facts.tier, facts.attributes
        )

    def _has_happened(self, event: Mapping[str, Any] | None) -> bool:
        if self.event is None:
            return True
        return (
            event is not None
            and event["type"] == self.event
            and all(test.holds(value_at(event, path)) for path, test in self.where.items())
        )


class Enter(_Moves):
    """What lets a lead into a stage, from an earlier one or from none."""


class Leave(_Moves):
    """What takes a lead out of a stage, and where to; with ``after_s``, not before that long."""

    to: StageName
    after_s: Window | None = None


class Stage(BaseModel):
    """One stage.

    Parameters
    ----------
    name
        As the CRM calls it, where it does; compared without case.
    enter
        What lets a lead in; None where only the CRM or another stage's ``leave`` does.
    leave
        What takes it elsewhere, forward or back (recycling).
    after_s
        After so long in the stage there is an occasion for ``stage_age``.
    """

    model_config = STRICT

    name: StageName
    enter: Enter | None = None
    leave: Leave | None = None
    after_s: Window | None = None

    @cached_property
    def folded(self) -> str:
        """Its name as it is compared."""
        return fold(self.name)


def check_stages(stages: Sequence[Stage]) -> None:
    """Hold that stages fit together.

    Raises
    ------
    ValueError
        If two have one name, or one leads to itself or to none that there is.
    """
    names = Counter(stage.folded for stage in stages)
    for stage in stages:
        if names[stage.folded] > 1:
            raise ValueError(f"two stages are named {stage.name!r}; rename one")
        if stage.leave is None:
            continue
        to = fold(stage.leave.to)
        if to == stage.folded or to not in names:
            raise ValueError(
                f"{stage.leave.to!r}, which {stage.name} leads to, is no other stage; known: "
                f"{', '.join(other.name for other in stages)}"
            )


def next_stage(
    stage: str | None, entered_s: float, facts: Facts, now_s: float, stages: Sequence[Stage]
) -> str | None:
    """Return the stage that a lead goes to now; None where it stays.

    It goes forward, to the last stage that lets it in, skipping those between; else it is taken
    where its own stage's ``leave`` says.

    Parameters
    ----------
    stage, entered_s
        The lead's stage, and since when.
    facts
        What there is to decide by.
    now_s
        The log's time.
    stages
        In their order; none leaves every lead where it is.

    Examples
    --------
    >>> stages = [
    ...     Stage.model_validate({"name": "known", "enter": {"min_score": 10.0}}),
    ...     Stage.model_validate({"name": "engaged", "enter": {"min_score": 40.0},
    ...         "leave": {"to": "known", "max_score": 20.0}}),
    ... ]
    >>> next_stage(None, 0.0, Facts(55.0, "warm", {}), 0.0, stages)
    'engaged'
    >>> next_stage("engaged", 0.0, Facts(15.0, "cold", {}), 0.0, stages)
    'known'
    >>> next_stage("known", 0.0, Facts(15.0, "cold", {}, held_until_s=9.0), 5.0, stages) is None
    True
    """
    if not stages or (facts.held_until_s is not None and now_s < facts.held_until_s):
        return None
    place = _place(stage, stages)
    if stage is not None and place is None:
        return None
    first = 0 if place is None else place + 1
    for later in reversed(stages[first:]):
        if later.enter is not None and later.enter.met(facts):
            return later.name
    if place is None:
        return None
    leave = stages[place].leave
    if leave is None or not leave.met(facts):
        return None
    if leave.after_s is not None and now_s < entered_s + leave.after_s:
        return None
    return next(other.name for other in stages if other.folded == fold(leave.to))


def next_due_s(
    stage: str | None, entered_s: float, since_s: float, stages: Sequence[Stage]
) -> float | None:
    """Return when time alone next changes something: the first such time after ``since_s``.

    Parameters
    ----------
    since_s
        ``entered_s`` at first, then the due time that was dealt with.

    Examples
    --------
    >>> stages = [Stage.model_validate({"name": "engaged", "after_s": 100.0})]
    >>> next_due_s("Engaged", 5.0, 5.0, stages), next_due_s("Engaged", 5.0, 105.0, stages)
    (105.0, None)
    """
    place = _place(stage, stages)
    if place is None:
        return None
    due = (entered_s + after_s for after_s in _ages_s(stages[place]))
    return min((due_s for due_s in due if due_s > since_s), default=None)


def is_of_age(stage: str | None, entered_s: float, due_s: float, stages: Sequence[Stage]) -> bool:
    """Tell whether a due time is an occasion for ``stage_age``."""
    place = _place(stage, stages)
    after_s = None if place is None else stages[place].after_s
    return after_s is not None and due_s == entered_s + after_s


def _place(stage: str | None, stages: Sequence[Stage]) -> int | None:
    if stage is None or not stages:
        return None
    name = fold(stage)
    return next((i for i, one in enumerate(stages) if one.folded == name), None)


def _ages_s(stage: Stage) -> Iterator[float]:
    if stage.after_s is not None:
        yield stage.after_s
    if stage.leave is not None and stage.leave.after_s is not None:
        yield stage.leave.after_s
