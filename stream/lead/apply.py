"""What an event does to a lead's state: counts, session, profile, stage, consent, points."""

from collections.abc import Mapping
from typing import Any

from stream.lead import consent, points
from stream.lead.hashing import short_hash
from stream.lead.house import House
from stream.lead.kinds import ON_THE_WEBSITE, kinds_of, page_of
from stream.lead.state import (
    MAX_ATTRIBUTE_CHARACTERS,
    MAX_ATTRIBUTES,
    MAX_JOURNEY,
    MAX_PAGES,
    MAX_RECENT_IDS,
    LeadState,
)
from stream.lead.unsettled import advance

NOTED_ALWAYS = frozenset(
    {"consent", "email_unsubscribe", "lead_profile", "stage_change", "outcome", "action_result"}
)
"""What a lead said and what others know of it: noted whether or not it may be scored."""

CHANGES_WHAT_HOLDS = frozenset({"lead_profile", "consent"})


def is_duplicate(state: LeadState, event_id: str, now_s: float, house: House) -> bool:
    """Tell whether the lead has had an event of this id, and remember that it has now."""
    hashed = short_hash(event_id)
    ids = state.recent_ids
    seen_s = ids.get(hashed)
    if seen_s is not None and now_s - seen_s <= house.duplicate_window_s:
        return True
    ids.pop(hashed, None)
    ids[hashed] = now_s
    while len(ids) > MAX_RECENT_IDS or now_s - next(iter(ids.values())) > house.duplicate_window_s:
        ids.pop(next(iter(ids)))
    return False


def apply_event(state: LeadState, event: Mapping[str, Any], at_s: float, house: House) -> None:
    """Count an event at its own time; a late one counts as of then."""
    state.events += 1
    kinds = kinds_of(event)
    for kind in kinds:
        state.overflows += not state.counts.add(kind, at_s)
    advance(state, at_s, event["type"], kinds[-1] if kinds else "", house)
    if event["type"] in ON_THE_WEBSITE:
        _browse(state, event, at_s, house)
    earned = _earn(state, event, at_s, house)
    if kinds:
        journey = state.journey
        is_late = bool(journey) and journey[-1][0] > at_s
        journey.append([at_s, kinds[-1], round(earned, 2)])
        if is_late:
            journey.sort(key=lambda step: step[0])
        shorten_journey(state)


def _earn(state: LeadState, event: Mapping[str, Any], at_s: float, house: House) -> float:
    """Bring a lead's points up to an event; return by how much that changed them."""
    rules = points.met(house.points, event)
    holds = event["type"] in CHANGES_WHAT_HOLDS
    if not rules and not holds:
        return 0.0
    before = points.standing(state.ledger, house.points, at_s)
    if holds:
        points.hold(state.ledger, house.points, state.attributes, at_s)
    points.earn(state.ledger, rules, at_s)
    after = points.standing(state.ledger, house.points, at_s)
    return sum(after.values()) - sum(before.values())


def shorten_journey(state: LeadState) -> None:
    """Forget the oldest steps; while something may be taken back, they may come back."""
    if state.unsettled is not None:
        state.unsettled.spill(state.journey[:-MAX_JOURNEY])
    del state.journey[:-MAX_JOURNEY]


def _browse(state: LeadState, event: Mapping[str, Any], at_s: float, house: House) -> None:
    # A late visit counts to the session it fell into; where that was is no longer known.
    if not state.sessions or at_s - state.last_web_s > house.session_gap_s:
        state.sessions += 1
    state.last_web_s = max(state.last_web_s, at_s)
    if event["type"] == "page_view":
        state.dwell_s += min(event.get("duration_s") or 0.0, house.session_gap_s)
        page = short_hash(page_of(event["url"]))
        if page not in state.pages:
            if len(state.pages) < MAX_PAGES:
                state.pages.append(page)
            else:
                state.overflows += 1


def note_facts(state: LeadState, event: Mapping[str, Any], at_s: float) -> None:
    """Note what a lead said of itself, and what others know of it."""
    match event["type"]:
        case "lead_profile":
            _update_attributes(state, event["attributes"], is_newest=at_s >= state.profile_at_s)
            state.profile_at_s = max(state.profile_at_s, at_s)
        case "stage_change":
            # The house may have moved the lead since; what counts is what the CRM last said.
            said_s = state.stage_at_s if state.crm_stage_at_s is None else state.crm_stage_at_s
            if at_s >= said_s:
                state.stage, state.stage_at_s = event["stage"], at_s
                state.crm_stage_at_s = at_s
        case "consent":
            consent.set_consent(state, event["purpose"], event["granted"], at_s)
        case "email_unsubscribe":
            consent.set_consent(state, "email", False, at_s)
        case "action_result":
            state.decisions.pop(event["trigger_id"], None)
        case "outcome":
            state.outcome, state.outcome_at_s = event["result"], at_s


def _update_attributes(state: LeadState, attributes: Mapping[str, Any], *, is_newest: bool) -> None:
    """Take over scalar attributes; null forgets one. Nested values are no features: left out.

    A profile that comes late says nothing about what a newer one has said.
    """
    for given_name, value in attributes.items():
        name = given_name[:MAX_ATTRIBUTE_CHARACTERS]
        if not is_newest and name in state.attributes:
            continue
        if value is None:
            state.attributes.pop(name, None)
        elif isinstance(value, str | int | float):
            if name not in state.attributes and len(state.attributes) >= MAX_ATTRIBUTES:
                state.overflows += 1
                continue
            state.attributes[name] = (
                value[:MAX_ATTRIBUTE_CHARACTERS] if isinstance(value, str) else value
            )
