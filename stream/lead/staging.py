"""The lead's stage as the house decides it (``stream.lead.journey``), event by event."""

from collections.abc import Mapping
from typing import Any

from stream.lead import journey, transitions
from stream.lead.house import House
from stream.lead.state import LeadState


def follow(
    state: LeadState,
    event: Mapping[str, Any] | None,
    at_s: float,
    now_s: float,
    score: float,
    house: House,
) -> bool:
    """Take a lead to the stage that it belongs into; tell whether it is another one.

    Parameters
    ----------
    event
        What happened; None for a timer.
    at_s, now_s
        When the lead enters a stage, and the log's time.
    score
        As of now; its tier is in the state.
    """
    stages = house.catalogue.stage
    held_until_s = None
    if state.crm_stage_at_s is not None:
        held_until_s = state.crm_stage_at_s + house.catalogue.governance.crm_stage_holds_s
    facts = journey.Facts(score, state.tier, state.attributes, event, held_until_s)
    stage = journey.next_stage(state.stage, state.stage_at_s, facts, now_s, stages)
    if stage is None:
        return False
    before, state.stage, state.stage_at_s = state.stage, stage, at_s
    entered = {"type": "stage_change", "stage": stage}
    transitions.note(state, entered, at_s, before, house.catalogue.rewards)
    wait(state, state.stage_at_s, house)
    return True


def wait(state: LeadState, since_s: float, house: House) -> None:
    """Set when time alone next changes something for a lead in its stage."""
    stages = house.catalogue.stage
    state.stage_due_s = journey.next_due_s(state.stage, state.stage_at_s, since_s, stages)


def is_of_age(state: LeadState, due_s: float, house: House) -> bool:
    """Tell whether a due time is an occasion for ``stage_age``."""
    return journey.is_of_age(state.stage, state.stage_at_s, due_s, house.catalogue.stage)
