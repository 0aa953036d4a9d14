"""What a scoring is an occasion for: the stage that follows from it, the triggers that it meets."""

from collections.abc import Mapping
from typing import Any

from stream.lead import staging, triggers
from stream.lead.action import STAGE_AGE
from stream.lead.features import Features
from stream.lead.house import House
from stream.lead.scoring import Scored
from stream.lead.state import LeadState
from stream.lead.text_reading import TEXT_READING
from stream.lead.triggers import Cause, Nurture, Verdict


def decide(
    state: LeadState,
    event: Mapping[str, Any] | None,
    timer: str | None,
    former: str | None,
    cause: Cause,
    scored: Scored,
    x: Features,
    now_s: float,
    house: House,
    nurture: Nurture,
) -> list[Verdict]:
    """Follow the lead's journey, and decide on each trigger that this is an occasion for.

    Parameters
    ----------
    event, timer
        What happened, or the rule whose time has come; neither where histories were joined.
    former
        The tier before.
    """
    tier = state.tier or "cold"
    if house.catalogue.stage:
        has_moved = staging.follow(state, event, cause.at_s, now_s, scored.score, house)
        if has_moved and timer == STAGE_AGE:
            timer = None
    if event is None:
        rules = triggers.rules_met("", None, former, tier)
    else:
        is_urgent = TEXT_READING in event and event[TEXT_READING]["is_urgent_negative"]
        rules = triggers.rules_met(
            event["type"], event.get("form_kind"), former, tier, is_urgent_negative=is_urgent
        )
    if timer is not None:
        rules.append(timer)
    if not rules:  # as with most events
        return []
    return [triggers.decide(state, rule, cause, scored, x, now_s, house, nurture) for rule in rules]
