"""What a lead has agreed to, by word or by where it lives, and what may be done with it."""

from stream.lead.house import UNKNOWN_COUNTRY, House, country_code
from stream.lead.state import MAX_PURPOSES, LeadState

SCORING = "scoring"
NURTURING = "nurturing"
EMAIL = "email"
GATES = (SCORING, NURTURING, EMAIL)
"""Purposes that decide what is done with a lead; any other is only kept for who asks."""

EVERYWHERE = "*"


def may(state: LeadState, purpose: str, house: House) -> bool:
    """Tell whether something may be done with a lead.

    What the lead said counts; where it said nothing, the country in its profile decides whether
    silence is a yes.

    Examples
    --------
    >>> state = LeadState.new("L", 0.0)
    >>> may(state, "nurturing", House())
    True
    >>> state.attributes["country"] = "de"
    >>> may(state, "nurturing", House())
    False
    """
    said = state.consent.get(purpose)
    if said is not None:
        return bool(said[0])
    needed_in = house.opt_in.get(purpose)
    if not needed_in:
        return True
    return EVERYWHERE not in needed_in and country_of(state) not in needed_in


def country_of(state: LeadState) -> str:
    """Return the country that the profile names, or that it is unknown."""
    country = state.attributes.get("country")
    return country_code(country) if isinstance(country, str) else UNKNOWN_COUNTRY


def set_consent(state: LeadState, purpose: str, granted: bool, at_s: float) -> None:
    """Note a consent; what was said later stands, and of two at once the refusal."""
    # A refusal is not to be missed because its sender writes Email.
    purpose = purpose.strip().lower()
    known = state.consent.get(purpose)
    if known is None:
        others = [p for p in state.consent if p not in GATES]
        if purpose not in GATES and len(others) >= MAX_PURPOSES:
            state.overflows += 1
            # A refusal takes the place of a grant: what is forgotten counts as not said.
            grant = next((p for p in others if state.consent[p][0]), None)
            if granted or grant is None:
                return
            del state.consent[grant]
        state.consent[purpose] = [granted, at_s]
    elif at_s > known[1] or (at_s == known[1] and not granted):
        state.consent[purpose] = [granted, at_s]


def stop_profiling(state: LeadState) -> None:
    """Drop what was kept to learn from the lead and to act on its silence.

    What it was scored by stays as it was, for when it agrees again.
    """
    state.samples, state.sampled_of = [], 0
    state.open_vectors, state.transitions = {}, []
    if state.enrolled is not None:
        state.enrolled.drop()
    if state.purchases is not None:
        state.purchases.samples, state.purchases.sampled_of = [], 0
    state.absence_due_s = state.stage_due_s = None
    state.unsettled = None
