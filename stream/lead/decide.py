"""One event of one lead: (state, event, models, now) -> (state, outputs)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from online_models.protocols import Scorer
from schemas import topics
from stream.lead import discount, labels, movement, points, teaching, triggers
from stream.lead.apply import NOTED_ALWAYS, apply_event, is_duplicate, note_facts
from stream.lead.consent import SCORING, may, stop_profiling
from stream.lead.features import Features, features_of
from stream.lead.hashing import stable_id
from stream.lead.house import House
from stream.lead.kinds import kinds_of
from stream.lead.machines import JUDGED
from stream.lead.merge import merge_into
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.scoring import Scored, reasons_of, score_one
from stream.lead.state import LeadState
from stream.lead.tiers import tier_of
from stream.lead.triggers import Cause, Verdict

SETTLED = frozenset({"outcome", "erasure"})


@dataclass(slots=True)
class Decision:
    """What an event led to. ``scored`` is None where nothing was scored.

    ``machines`` are the events now known to be a machine's, by type and reason.
    """

    outcome: str
    outputs: list[Output] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    scored: Scored | None = None
    x: Features = field(default_factory=dict)
    scored_at_s: float = 0.0
    machines: list[tuple[str, str]] = field(default_factory=list)


def decide_event(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer] = teaching.NO_SCORERS,
) -> Decision:
    """Apply an event to its lead and decide what goes out.

    Parameters
    ----------
    state
        The lead's state; it is brought up to the event in place.
    event
        A valid event of the contract.
    at_s, now_s
        The event's own time and the log's time, epoch seconds.
    scorer
        The model version that the log says is in use; None before the first.
    beside
        Of the other tasks (``stream.lead.labels.TASKS``), by task; those in use.
    """
    if is_duplicate(state, event["event_id"], now_s, house):
        return Decision("duplicate")
    kind: str = event["type"]
    had_won = state.outcome == labels.WON
    note_facts(state, event, at_s)
    if not may(state, SCORING, house):
        stop_profiling(state)
        state.last_at_s = max(state.last_at_s, at_s)  # so that its refusal is not forgotten
        return Decision("applied" if kind in NOTED_ALWAYS else "no_consent")
    if kind in JUDGED or kind == "email_delivered":
        decision = _judge(state, event, at_s, now_s, scorer, house, beside)
        if decision.outcome != "applied":
            return decision
    else:
        decision = Decision("applied")
        if state.unsettled is not None:
            discount.note(state, event, at_s, now_s, house)
    if kind in teaching.TEACHING and not (kind == "outcome" and had_won):
        decision.outputs += teaching.taught_by(state, event, at_s, house)
    elif kind == "sales_feedback" and house.feedback_weight and state.outcome is None:
        decision.outputs += _taught_by_sales(state, event, at_s, scorer, house)
    sessions = state.sessions
    apply_event(state, event, at_s, house)
    if state.open_vectors:
        teaching.note_done(state, event, at_s, now_s, sessions, house)
    cause = Cause(event["event_id"], at_s)
    corrects = bool(decision.machines)
    _score(
        state, cause, state.last_at_s, now_s, scorer, house, decision, event, beside,
        corrects=corrects,
    )  # fmt: skip
    return decision


def _judge(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer],
) -> Decision:
    """Tell whether a person made an event; correct the score where an earlier one was none's."""
    kind: str = event["type"]
    reason: str | None = None
    if kind == "email_delivered":
        decision = Decision("noted")
        taken = discount.deliver(state, event, at_s, now_s, house)
        teaching.note_delivery(state, event, at_s, house, beside)
    else:
        reason, taken = discount.judge(state, event, at_s, now_s, house)
        decision = Decision("applied" if reason is None else "machine")
    if reason is not None:
        discount.count(state, kind, reason, at_s)
        decision.machines.append((kind, reason))
    decision.machines += [(step.type, step.reason) for step in taken]
    if taken:
        teaching.take_back(state, taken)
    if taken and decision.outcome != "applied":
        cause = Cause(event["event_id"], at_s)
        _score(
            state, cause, state.last_at_s, now_s, scorer, house, decision, None, beside,
            corrects=True,
        )  # fmt: skip
    return decision


def _taught_by_sales(
    state: LeadState, event: Mapping[str, Any], at_s: float, scorer: Scorer | None, house: House
) -> list[Output]:
    if not state.events:
        return []  # nothing is known that the verdict could be about
    scored, _, x = score_state(state, max(at_s, state.last_at_s), scorer, house)
    return labels.label_by_feedback(state, event["verdict"], at_s, scored.p_convert, x, house)


def decide_timers(
    state: LeadState,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer] = teaching.NO_SCORERS,
) -> Decision:
    """Fire a lead's timers that are due: labels by silence, absence, expiry of decisions."""
    decision = Decision("timers")
    decision.outputs += teaching.taught_by_time(state, now_s, house, beside)
    triggers.close_expired(state, now_s)
    if state.absence_due_s is not None and state.absence_due_s <= now_s:
        due_s, state.absence_due_s = state.absence_due_s, None
        if state.outcome is None:
            cause = Cause(stable_id("timer", "absence", rfc3339(due_s)), due_s)
            at_s = max(due_s, state.last_at_s)
            _score(state, cause, at_s, now_s, scorer, house, decision, None, beside)
    return decision


def decide_merge(
    state: LeadState,
    other: LeadState,
    cause: Cause,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer] = teaching.NO_SCORERS,
) -> Decision:
    """Join another history to a lead's, and score what they are together."""
    merge_into(state, other, house)
    decision = Decision("merged")
    if not may(state, SCORING, house):
        stop_profiling(state)
        return decision
    _score(state, cause, state.last_at_s, now_s, scorer, house, decision, None, beside)
    return decision


def next_due_s(state: LeadState, house: House) -> float:
    """Return when the lead's first timer is due; the last one forgets it."""
    times: list[float] = [decision[3] for decision in state.decisions.values()]
    label_s = teaching.next_due_s(state, house)
    if label_s is not None:
        times.append(label_s)
    if state.absence_due_s is not None:
        times.append(state.absence_due_s)
    times.append(_forget_s(state, house))
    return min(times)


def is_forgotten(state: LeadState, now_s: float, house: House) -> bool:
    """Tell whether nothing has been heard of a lead for as long as leads are kept."""
    return _forget_s(state, house) <= now_s


def drop_timers(state: LeadState, now_s: float) -> None:
    """Let go of what waits for a time that cannot be dealt with."""
    triggers.close_expired(state, now_s)
    state.absence_due_s = None
    teaching.drop_vectors(state)


def _forget_s(state: LeadState, house: House) -> float:
    return max(state.last_at_s, state.last_active_s) + house.retention_s


def score_state(
    state: LeadState, at_s: float, scorer: Scorer | None, house: House
) -> tuple[Scored, float, dict[str, float | str]]:
    """Return a lead's score as of a time, its points, and the features it was scored with."""
    standing = points.standing(state.ledger, house.points, at_s)
    total = sum(standing.values())
    x = features_of(state, at_s, total, house.excluded_attributes)
    return score_one(x, standing, scorer, house), total, x


def _score(
    state: LeadState,
    cause: Cause,
    at_s: float,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    decision: Decision,
    event: Mapping[str, Any] | None,
    beside: Mapping[str, Scorer] = teaching.NO_SCORERS,
    *,
    corrects: bool = False,
) -> None:
    scored, total, x = score_state(state, at_s, scorer, house)
    decision.scored, decision.x, decision.scored_at_s = scored, x, at_s
    movement.note(state, cause.event_id, _moved_by(event, decision.outcome), scored)
    # What happened before the outcome and arrived after it would teach the label twice.
    is_open = state.outcome is None or cause.at_s > state.outcome_at_s
    if event is not None and event["type"] not in SETTLED and is_open:
        labels.keep_sample(state, at_s, scored.p_convert, x, house)
    if event is not None and state.purchases is not None:
        teaching.note_customer(state, at_s, x, house, beside)
    former = state.tier
    tier = tier_of(scored.score, former, house)
    moved = corrects or state.score is None or abs(scored.score - state.score) >= house.score_step
    state.tier = tier
    if moved or tier != former:
        propensities = teaching.propensities(state, x, beside)
        output = _score_changed(state, scored, total, former, cause, propensities)
        decision.outputs.append(output)
        state.score, state.p_convert = scored.score, scored.p_convert
        state.model_version = scored.version
    if state.outcome is not None or (corrects and event is None):
        return  # closed leads are not nurtured, and a tier that was a scanner's did not fall
    if event is None:
        rules = triggers.rules_met("", None, former, tier)
        if decision.outcome == "timers":
            rules.append("absence")
    else:
        rules = triggers.rules_met(event["type"], event.get("form_kind"), former, tier)
    for rule in rules:
        verdict = triggers.decide(state, rule, cause, scored, now_s, house)
        decision.verdicts.append(verdict)
        if verdict.output is not None:
            decision.outputs.append(verdict.output)


def _moved_by(event: Mapping[str, Any] | None, outcome: str) -> str:
    if event is not None:
        kinds = kinds_of(event)
        return kinds[-1] if kinds else str(event["type"])
    return {"timers": "absence", "merged": "merge"}.get(outcome, "correction")


def _score_changed(
    state: LeadState,
    scored: Scored,
    total: float,
    former: str | None,
    cause: Cause,
    propensities: Mapping[str, float],
) -> Output:
    body: dict[str, Any] = {
        "type": "score_changed",
        "lead_id": state.lead_id,
        "score": scored.score,
        "previous_score": state.score,
        "p_convert": scored.p_convert,
        "p_low": scored.p_low,
        "p_high": scored.p_high,
        "points": round(total, 2),
        "tier": state.tier,
        "previous_tier": former,
        "reasons": reasons_of(scored),
        "propensities": propensities,
        "moved_by": movement.told(state),
        "discounted": [
            {"kind": kind, "count": count, "reason": reason}
            for kind, reason, count, _ in discount.discounted(state)
        ],
        "model": labels.MODEL,
        "model_version": scored.version,
        "model_weight": scored.model_weight,
        "cause_event_id": cause.event_id,
        "occurred_at": rfc3339(cause.at_s),
    }
    ce_id = stable_id("score_changed", cause.event_id, state.lead_id)
    return cloud_event(topics.LEAD_SCORES, state.lead_id, ce_id, body, str(state.tier))
