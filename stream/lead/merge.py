"""Two histories become one: a visitor's state joins the lead that it turned out to be."""

from collections.abc import Iterable
from typing import Any

from stream.lead import contact_history, kept_texts, points, short_horizons
from stream.lead.apply import shorten_journey
from stream.lead.consent import set_consent
from stream.lead.discount import merge_discounts
from stream.lead.house import House
from stream.lead.labels import WON
from stream.lead.state import (
    MAX_ALIASES,
    MAX_ATTRIBUTES,
    MAX_DECISIONS,
    MAX_PAGES,
    MAX_RECENT_IDS,
    MAX_TRANSITIONS,
    LeadState,
)
from stream.lead.unsettled import join


def merge_into(state: LeadState, other: LeadState, house: House) -> None:
    """Add another history to a lead's; what the lead knows of itself wins, sums are sums."""
    state.first_at_s = min(state.first_at_s, other.first_at_s)
    merge_discounts(state, other, house)
    join(state, other)
    state.overflows += other.overflows + (not state.counts.merge(other.counts))
    short_horizons.merge(state, other, house)
    _merge_purchases(state, other, house)
    if state.milestones is None:
        state.milestones = other.milestones
    elif other.milestones is not None:
        state.milestones.merge(other.milestones)
    state.events += other.events
    state.sessions += other.sessions
    state.last_web_s = max(state.last_web_s, other.last_web_s)
    state.dwell_s += other.dwell_s
    state.pages = list(dict.fromkeys(state.pages + other.pages))[:MAX_PAGES]
    state.attributes = _first(
        {**state.attributes, **other.attributes, **state.attributes}, MAX_ATTRIBUTES
    )
    for purpose, (granted, at_s) in other.consent.items():
        mine = state.consent.get(purpose)
        # A consent withdrawn under either name stays withdrawn until it is given anew.
        if not granted or mine is None or mine[0]:
            set_consent(state, purpose, granted, at_s if mine is None else max(at_s, mine[1]))
    state.profile_at_s = max(state.profile_at_s, other.profile_at_s)
    if state.stage is None:
        state.stage, state.stage_at_s = other.stage, other.stage_at_s
        state.crm_stage_at_s, state.stage_due_s = other.crm_stage_at_s, other.stage_due_s
    points.merge(state.ledger, other.ledger, house.points)
    points.hold(state.ledger, house.points, state.attributes, state.last_at_s)
    ids = sorted({**other.recent_ids, **state.recent_ids}.items(), key=lambda item: item[1])
    state.recent_ids = dict(ids[-MAX_RECENT_IDS:])
    if state.outcome is None:
        state.outcome, state.outcome_at_s = other.outcome, other.outcome_at_s
        state.samples = [*other.samples, *state.samples][: house.samples_per_lead]
        if state.outcome == WON:
            state.samples = []  # silence would label them as lost
    state.sampled_of += other.sampled_of
    for rule, at_s in other.triggered_s.items():
        state.triggered_s[rule] = max(at_s, state.triggered_s.get(rule, at_s))
    _merge_transitions(state, other)
    _merge_enrolments(state, other)
    kept_texts.merge(state, other)
    contact_history.merge(state.contacts, other.contacts, house.catalogue)
    state.decisions = _first({**state.decisions, **other.decisions}, MAX_DECISIONS)
    state.journey = sorted(state.journey + other.journey, key=lambda step: step[0])
    shorten_journey(state)


def _merge_transitions(state: LeadState, other: LeadState) -> None:
    every = sorted(state.transitions + other.transitions, key=lambda t: (t.at_s, t.trigger_id))
    surplus = max(0, len(every) - MAX_TRANSITIONS)
    state.transitions = every[surplus:]
    state.overflows += surplus


def _merge_enrolments(state: LeadState, other: LeadState) -> None:
    """Take a lead out of the comparison that was in it twice, maybe in both arms."""
    state.enrolled = state.enrolled or other.enrolled
    if state.enrolled is not None and (other.enrolled is not None or state.outcome == WON):
        state.enrolled.drop()


def _merge_purchases(state: LeadState, other: LeadState, house: House) -> None:
    if state.purchases is None:
        state.purchases = other.purchases
    elif other.purchases is not None:
        state.overflows += state.purchases.merge(other.purchases, house.samples_per_lead)


def add_aliases(state: LeadState, addresses: Iterable[str]) -> int:
    """Note addresses that forward here; return how many old ones did not fit any more."""
    for address in addresses:
        if address != state.lead_id and address not in state.aliases:
            state.aliases.append(address)
    surplus = max(0, len(state.aliases) - MAX_ALIASES)
    del state.aliases[:surplus]
    state.overflows += surplus
    return surplus


def _first(items: dict[str, Any], most: int) -> dict[str, Any]:
    return dict(list(items.items())[:most])
