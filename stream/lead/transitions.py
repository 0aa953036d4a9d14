"""Decisions that wait for what comes of them: rewards are joined to each, then it is taught.

As examples are (``stream.lead.labels``), a decision is kept with exactly what the policy knew, and
goes to the learner once its reward is known: at the reward's horizon, or with the lead's outcome.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from schemas import topics
from stream.lead.house import House
from stream.lead.open_transition import OpenTransition
from stream.lead.outputs import Output, rfc3339
from stream.lead.reward_rules import RewardRules
from stream.lead.state import MAX_TRANSITIONS, LeadState

TASK = "next_action"
"""The task that policies learn, by the name that transitions and versions go by."""

TOUCHES = frozenset({"outcome", "purchase", "stage_change", "email_unsubscribe"})
"""Events that are worth something to a decision before them."""


def begin(state: LeadState, transition: OpenTransition) -> None:
    """Keep a decision until its reward is known; it is the next one of those before it."""
    for former in state.transitions:
        if former.next is None:
            candidates = list(transition.candidates)
            former.next = [transition.x, candidates, former.reward, transition.at_s]
    state.transitions.append(transition)
    surplus = max(0, len(state.transitions) - MAX_TRANSITIONS)
    del state.transitions[:surplus]
    state.overflows += surplus


def note(
    state: LeadState,
    event: Mapping[str, Any],
    at_s: float,
    stage_before: str | None,
    rules: RewardRules,
) -> None:
    """Join what an event is worth to the decisions that came before it.

    A trigger that was not carried out was no decision: nothing can have come of it.
    """
    if event["type"] == "action_result" and event["status"] != "delivered":
        kept = [t for t in state.transitions if t.trigger_id != event["trigger_id"]]
        state.transitions = kept
        return
    worth = rules.of_event(event, stage_before)
    if worth is None:
        return
    for transition in state.transitions:
        if 0.0 <= at_s - transition.at_s <= rules.horizon_s:
            _earn(transition, worth, at_s, rules)


def settle(
    state: LeadState, now_s: float, house: House, *, is_closed: bool = False
) -> list[Output]:
    """Return what the decisions teach whose reward is known: in time, or as the lead is closed."""
    horizon_s = house.catalogue.rewards.horizon_s
    due = [t for t in state.transitions if is_closed or t.at_s + horizon_s <= now_s]
    if not due:
        return []
    state.transitions = [t for t in state.transitions if t not in due]
    return [_taught(transition, now_s if is_closed else None, horizon_s) for transition in due]


def next_due_s(state: LeadState, house: House) -> float:
    """Return when the reward of the first of a lead's open decisions is known."""
    return min(t.at_s for t in state.transitions) + house.catalogue.rewards.horizon_s


def _earn(transition: OpenTransition, worth: float, at_s: float, rules: RewardRules) -> None:
    worth = rules.discounted(worth, at_s - transition.at_s)
    if transition.earned is None:
        transition.earned = worth
    elif rules.join == "sum":
        transition.earned += worth
    elif rules.join == "max":
        transition.earned = max(transition.earned, worth)


def _taught(transition: OpenTransition, closed_s: float | None, horizon_s: float) -> Output:
    after: dict[str, Any] | None = None
    if transition.next is not None:
        x, candidates, reward, at_s = transition.next
        after = {"x": x, "candidates": candidates, "reward": reward, "occurred_at": rfc3339(at_s)}
    body = {
        "type": "policy_transition",
        "model": TASK,
        "rule": transition.rule,
        "x": transition.x,
        "action": transition.action,
        "action_probability": transition.candidates[transition.action],
        "candidates": [
            {"action": name, "probability": p} for name, p in transition.candidates.items()
        ],
        "reward": transition.reward,
        "next": after,
        "is_holdout": transition.is_holdout,
        "policy": transition.policy,
        "policy_version": transition.version,
        "shadow": transition.shadow,
        "occurred_at": rfc3339(transition.at_s),
        "rewarded_at": rfc3339(transition.at_s + horizon_s if closed_s is None else closed_s),
    }
    return Output(topics.TRAINING_EXAMPLES.name, TASK.encode(), orjson.dumps(body), [])
