"""One event of one lead: (state, event, models, now) -> (state, outputs)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from online_models.protocols import Scorer
from stream.lead import (
    deal_vectors,
    discount,
    labels,
    lead_timers,
    lead_topics,
    learned_segments,
    milestones,
    movement,
    occasions,
    points,
    score_changes,
    segment_membership,
    staging,
    teaching,
    transitions,
    triggers,
    worth,
)
from stream.lead.apply import NOTED_ALWAYS, apply_event, is_duplicate, note_facts
from stream.lead.budgets import Budgets
from stream.lead.consent import SCORING, may, stop_profiling
from stream.lead.features import Features, features_of
from stream.lead.hashing import stable_id
from stream.lead.house import House
from stream.lead.machines import JUDGED
from stream.lead.merge import merge_into
from stream.lead.milestone_bodies import Before
from stream.lead.outputs import Output, rfc3339
from stream.lead.scoring import NO_WORDS, Scored, score_one
from stream.lead.state import LeadState
from stream.lead.text_reading import TEXT_READING
from stream.lead.tiers import tier_of
from stream.lead.triggers import Cause, Nurture, Verdict

NO_BUDGETS = Nurture(Budgets())

SEGMENTS = "segments"
"""What a timer is called that time alone changes segments by."""
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
    nurture: Nurture = NO_BUDGETS,
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
    nurture
        What decides on triggers.
    """
    if is_duplicate(state, event["event_id"], now_s, house):
        return Decision("duplicate")
    kind: str = event["type"]
    had_won = state.outcome == labels.WON
    stage_before, stage_since_s, tier_before = state.stage, state.stage_at_s, state.tier
    note_facts(state, event, at_s)
    if not may(state, SCORING, house):
        return _without_consent(state, event, at_s, house)
    if kind in JUDGED or kind == "email_delivered":
        decision = _judge(state, event, at_s, now_s, scorer, house, beside, nurture)
        if decision.outcome != "applied":
            return decision
    else:
        decision = Decision("applied")
        discount.note(state, event, at_s, now_s, house)
    if TEXT_READING in event:
        event, told = lead_topics.look(state, event, at_s, nurture.topics, house)
        decision.outputs += told
    vectors = deal_vectors.of_deal(state, event, at_s) if kind == "outcome" else ()
    if kind in teaching.TEACHING and not (kind == "outcome" and had_won):
        decision.outputs += teaching.taught_by(state, event, at_s, house)
    elif kind == "sales_feedback" and house.feedback_weight and state.outcome is None:
        decision.outputs += _taught_by_sales(state, event, at_s, scorer, house)
    if kind == "stage_change" and house.catalogue.stage:
        staging.wait(state, state.stage_at_s, house)
    if state.transitions:
        decision.outputs += _followed(state, event, at_s, stage_before, house)
    sessions = state.sessions
    apply_event(state, event, at_s, house)
    if state.open_vectors:
        teaching.note_done(state, event, at_s, now_s, sessions, house)
    cause = Cause(event["event_id"], at_s)
    corrects = bool(decision.machines)
    _score(
        state, cause, state.last_at_s, now_s, scorer, house, decision, event, beside, nurture,
        corrects=corrects,
    )  # fmt: skip
    if house.logs_milestones:
        before = (sessions, stage_before, stage_since_s, tier_before)
        decision.outputs += milestones.passed(state, event, at_s, before, house, vectors)
    return decision


def _followed(
    state: LeadState, event: Mapping[str, Any], at_s: float, stage: str | None, house: House
) -> list[Output]:
    """Note what became of decisions; an outcome ends what is to be learned from them."""
    transitions.note(state, event, at_s, stage, house.catalogue.rewards)
    if event["type"] != "outcome":
        return []
    return transitions.settle(state, at_s, house, is_closed=True)


def _without_consent(
    state: LeadState, event: Mapping[str, Any], at_s: float, house: House
) -> Decision:
    stop_profiling(state)
    state.last_at_s = max(state.last_at_s, at_s)  # so that its refusal is not forgotten
    decision = Decision("applied" if event["type"] in NOTED_ALWAYS else "no_consent")
    if state.segment is not None or state.rule_segments or event["type"] == "consent":
        cause = Cause(event["event_id"], at_s)
        decision.outputs += segment_membership.leave(state, cause, house)
    if state.texts:
        decision.outputs += lead_topics.leave(state, at_s, house)
        state.texts = []
    return decision


def _judge(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer],
    nurture: Nurture,
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
        if state.milestones is not None:
            state.milestones.take_back([step.at_s for step in taken])
    if taken and decision.outcome != "applied":
        cause = Cause(event["event_id"], at_s)
        _score(
            state, cause, state.last_at_s, now_s, scorer, house, decision, None, beside, nurture,
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
    nurture: Nurture = NO_BUDGETS,
) -> Decision:
    """Fire a lead's timers that are due: labels by silence, absence, expiry of decisions."""
    decision = Decision("timers")
    decision.outputs += teaching.taught_by_time(state, now_s, house, beside)
    triggers.close_expired(state, now_s)
    if state.transitions:
        decision.outputs += transitions.settle(state, now_s, house)
    before = Before(state.stage, state.stage_at_s, state.tier)
    for timer, due_s in lead_timers.due(state, now_s, house, nurture.lifetime_value):
        cause = Cause(stable_id("timer", timer, rfc3339(due_s)), due_s)
        at_s = max(due_s, state.last_at_s)
        _score(
            state, cause, at_s, now_s, scorer, house, decision, None, beside, nurture,
            timer=None if timer == lead_timers.LEFT else timer,
        )  # fmt: skip
    if state.segments_due_s is not None and state.segments_due_s <= now_s:
        due_s = state.segments_due_s
        cause = Cause(stable_id("timer", SEGMENTS, rfc3339(due_s)), due_s)
        decision.outputs += segment_membership.follow(state, cause, now_s, house)
    if house.logs_milestones:
        decision.outputs += milestones.by_time(state, now_s, before, house)
    return decision


def decide_merge(
    state: LeadState,
    other: LeadState,
    cause: Cause,
    now_s: float,
    scorer: Scorer | None,
    house: House,
    beside: Mapping[str, Scorer] = teaching.NO_SCORERS,
    nurture: Nurture = NO_BUDGETS,
) -> Decision:
    """Join another history to a lead's, and score what they are together."""
    histories = [worth.history_of(one) for one in (state, other)]
    decision = Decision("merged", segment_membership.leave(other, cause, house))
    decision.outputs += lead_topics.leave(other, cause.at_s, house)
    merge_into(state, other, house)
    if not may(state, SCORING, house):
        stop_profiling(state)
        decision.outputs += segment_membership.leave(state, cause, house)
        decision.outputs += lead_topics.leave(state, cause.at_s, house)
        state.texts = []
        return decision
    _score(state, cause, state.last_at_s, now_s, scorer, house, decision, None, beside, nurture)
    if house.logs_milestones:
        decision.outputs += milestones.of_merge(state, histories, cause.at_s, house)
    return decision


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
    beside: Mapping[str, Scorer],
    nurture: Nurture,
    *,
    corrects: bool = False,
    timer: str | None = None,
) -> None:
    scored, total, x = score_state(state, at_s, scorer, house)
    decision.scored, decision.x, decision.scored_at_s = scored, x, at_s
    movement.note(state, cause.event_id, score_changes.moved_by(event, decision.outcome), scored)
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
        facts = NO_WORDS if nurture.topics is None else nurture.topics.facts
        output = score_changes.score_changed(
            state, scored, total, former, cause, propensities, facts
        )
        decision.outputs.append(output)
        state.score, state.p_convert = scored.score, scored.p_convert
        state.model_version = scored.version
    if house.segments.segment or state.rule_segments:
        decision.outputs += segment_membership.follow(state, cause, now_s, house)
    if corrects and event is None:
        return  # a tier that was a scanner's did not fall
    if house.logs_milestones and (
        decision.outcome == "merged"
        if event is None
        else learned_segments.is_due(state, nurture.segments)
    ):
        decision.outputs += learned_segments.look(state, x, cause, house, nurture.segments)
    if state.outcome is None or house.catalogue.for_closed:
        for verdict in occasions.decide(
            state, event, timer, former, cause, scored, x, now_s, house, nurture
        ):
            decision.verdicts.append(verdict)
            if verdict.output is not None:
                decision.outputs.append(verdict.output)
