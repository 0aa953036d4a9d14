"""What an event or a timer teaches: which labels it gives, and which vectors are kept for one."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from online_models.protocols import Scorer
from stream.lead import labels, points, samples, short_horizons
from stream.lead.consent import SCORING, may, stop_profiling
from stream.lead.features import Features, features_of
from stream.lead.house import House
from stream.lead.outputs import Output
from stream.lead.purchases import Purchases
from stream.lead.samples import Sample
from stream.lead.state import LeadState
from stream.lead.unsettled import Step

TEACHING = frozenset({"outcome", "purchase"})
"""Events that label the vectors before them."""

NO_SCORERS: Mapping[str, Scorer] = MappingProxyType({})


def taught_by(
    state: LeadState, event: Mapping[str, Any], at_s: float, house: House
) -> list[Output]:
    """Return what an outcome or a purchase teaches; note that the lead is a customer now."""
    is_purchase = event["type"] == "purchase"
    if is_purchase:
        outputs = labels.label_by_purchase(state, event.get("product") or "", at_s, house)
    else:
        outputs = labels.label_by_outcome(state, event["result"], at_s, house)
    if state.purchases is None and (is_purchase or event["result"] == labels.WON):
        state.purchases = Purchases()
    if is_purchase and state.purchases is not None:
        state.overflows += state.purchases.add(event, at_s)
    return outputs


def note_done(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    now_s: float,
    sessions: int,
    house: House,
) -> None:
    """Note what an event says of the vectors of short horizons; it counted ``sessions`` before."""
    if state.sessions > sessions:
        short_horizons.note_return(state, at_s, house)
    short_horizons.note_touch(state, event, at_s, now_s, house)


def note_delivery(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    house: House,
    beside: Mapping[str, Scorer],
) -> None:
    """Keep the vector of a mail's delivery, where it is to be learned from."""
    if house.tasks and short_horizons.is_asked(state, event, at_s, house):
        sample = _sample(state, at_s, labels.OPENS, house, beside)
        short_horizons.note_delivery(state, event, sample)


def note_customer(
    state: LeadState, at_s: float, x: Features, house: House, beside: Mapping[str, Scorer]
) -> None:
    """Keep the vector that a customer was scored with, where it is to be learned from."""
    if state.purchases is None or labels.PURCHASES not in house.tasks:
        return
    sample = Sample(at_s, labels.predicted(beside.get(labels.PURCHASES), x), x)
    seed = (state.lead_id, labels.PURCHASES)
    samples.keep(state.purchases, sample, house.samples_per_lead, *seed)


def propensities(state: LeadState, x: Features, beside: Mapping[str, Scorer]) -> dict[str, float]:
    """Return what the other tasks' models say of a lead; of buying again, of customers alone."""
    return {
        task: labels.predicted(scorer, x)
        for task, scorer in beside.items()
        if state.purchases is not None or not task.startswith(labels.PURCHASES)
    }


def take_back(state: LeadState, taken: Sequence[Step]) -> None:
    """Let what machines did teach nothing; ``discount.take_back`` sees to ``p_convert``."""
    short_horizons.take_back(state, taken)
    if state.purchases is not None:
        samples.drop_since(state.purchases, min(step.at_s for step in taken), len(taken))


def taught_by_time(
    state: LeadState, now_s: float, house: House, beside: Mapping[str, Scorer]
) -> list[Output]:
    """Return what it teaches that so much time has passed; note a session that has ended."""
    if may(state, SCORING, house):
        _end_session(state, now_s, house, beside)
    else:
        stop_profiling(state)  # the rules may have changed since the last event
        if short_horizons.session_end_s(state, house) is not None:
            short_horizons.note_session(state, None)
    return [
        *short_horizons.label(state, now_s, house),
        *labels.label_by_silence(state, now_s, house),
        *labels.label_by_no_purchase(state, now_s, house),
    ]


def next_due_s(state: LeadState, house: House) -> float | None:
    """Return when time teaches something next."""
    due_s = labels.next_label_s(state, house)
    if not house.tasks:
        return due_s
    times = [due_s, short_horizons.session_end_s(state, house)]
    if state.open_vectors:
        times.append(short_horizons.next_due_s(state, house))
    return min((at_s for at_s in times if at_s is not None), default=None)


def drop_vectors(state: LeadState) -> None:
    """Let go of all that waits for a label."""
    state.samples, state.sampled_of, state.open_vectors = [], 0, {}
    state.session_noted_s = state.last_web_s
    if state.enrolled is not None:
        state.enrolled.drop()
    if state.purchases is not None:
        state.purchases.samples, state.purchases.sampled_of = [], 0


def _end_session(
    state: LeadState, now_s: float, house: House, beside: Mapping[str, Scorer]
) -> None:
    end_s = short_horizons.session_end_s(state, house)
    if end_s is None or end_s > now_s:
        return
    sample = None
    if state.last_at_s <= end_s:  # else there is in the vector what came after
        sample = _sample(state, end_s, labels.RETURNS, house, beside)
    short_horizons.note_session(state, sample)


def _sample(
    state: LeadState, at_s: float, task: str, house: House, beside: Mapping[str, Scorer]
) -> Sample:
    """Return the vector of a moment with what a task's model says of it."""
    total = sum(points.standing(state.ledger, house.points, at_s).values())
    x = features_of(state, at_s, total, house.excluded_attributes)
    return Sample(at_s, labels.predicted(beside.get(task), x), x)
