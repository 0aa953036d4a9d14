"""One lead's timers: what those that are due are an occasion for, and when the next one is."""

from collections.abc import Iterator

from online_models.served_lifetime_value import PredictsLifetimeValue
from stream.lead import churn, staging, teaching, transitions, triggers
from stream.lead.action import STAGE_AGE
from stream.lead.house import House
from stream.lead.state import LeadState

LEFT = "stage_left"
"""Occasion of a timer: that a stage may be left."""


def due(
    state: LeadState, now_s: float, house: House, lifetime_value: PredictsLifetimeValue | None
) -> Iterator[tuple[str, float]]:
    """Yield the occasions whose time has come, each as it is dealt with."""
    is_open = state.outcome is None or house.catalogue.for_closed
    if state.absence_due_s is not None and state.absence_due_s <= now_s:
        due_s, state.absence_due_s = state.absence_due_s, None
        if is_open:
            silence = churn.occasion(state, due_s, house, lifetime_value)
            if silence is not None:
                yield silence, due_s
            else:
                state.absence_due_s = due_s + house.absence_s
    if state.stage_due_s is not None and state.stage_due_s <= now_s:
        due_s, entered_s = state.stage_due_s, state.stage_at_s
        if is_open:
            yield (STAGE_AGE if staging.is_of_age(state, due_s, house) else LEFT), due_s
        if state.stage_at_s == entered_s:
            staging.wait(state, due_s, house)


def next_due_s(state: LeadState, house: House) -> float:
    """Return when the lead's first timer is due; the last one forgets it."""
    times: list[float] = [decision[3] for decision in state.decisions.values()]
    if state.transitions:
        times.append(transitions.next_due_s(state, house))
    label_s = teaching.next_due_s(state, house)
    if label_s is not None:
        times.append(label_s)
    if state.absence_due_s is not None:
        times.append(state.absence_due_s)
    if state.stage_due_s is not None:
        times.append(state.stage_due_s)
    if state.segments_due_s is not None:
        times.append(state.segments_due_s)
    kept = state.milestones
    if kept is not None:
        if kept.enters_s is not None:
            times.append(kept.enters_s)
        if kept.touches and state.outcome is None:
            times.append(state.last_active_s + house.horizon_s)
    times.append(_forget_s(state, house))
    return min(times)


def is_forgotten(state: LeadState, now_s: float, house: House) -> bool:
    """Tell whether nothing has been heard of a lead for as long as leads are kept."""
    return _forget_s(state, house) <= now_s


def drop_timers(state: LeadState, now_s: float) -> None:
    """Let go of what waits for a time that cannot be dealt with."""
    triggers.close_expired(state, now_s)
    state.absence_due_s, state.stage_due_s, state.transitions = None, None, []
    state.segments_due_s = None
    teaching.drop_vectors(state)


def _forget_s(state: LeadState, house: House) -> float:
    return max(state.last_at_s, state.last_active_s) + house.retention_s
