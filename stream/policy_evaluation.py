"""What policies would have earned: learned on a log's first half, evaluated on its second.

A decision's reward is all that its lead earned within the reward's horizon, later decisions by
others included: policies are compared by what they do next, not by whole paths. Decisions are taken
as independent, although a lead may have several.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from online_models.formats import ModelFormatError
from online_models.intervals import Figure, difference
from online_models.logged_decisions import FEWEST, LoggedDecision
from online_models.off_policy import evaluate_policy, is_better
from online_models.off_policy_estimators import skewed_mean
from online_models.policy.catalogue import KINDS, build_policy
from online_models.policy.protocol import Policy, seeded
from schemas.learning import PolicyTransition
from stream.lead.action import NOTHING
from stream.lead.policy_learner import as_transition
from stream.policy_log import PolicyLog, PolicyLogError

DEFAULT_KINDS = ("rules", "epsilon_greedy", "gaussian_thompson", "lin_ucb")
TRY_OUT = (
    "let a policy learn that tries out, for example LEADSTREAM_POLICY_CHALLENGERS=lin_ucb and "
    "LEADSTREAM_EXPLORATION_RATIO=0.1, and evaluate the decisions from then on"
)


def evaluate_policies(
    log: PolicyLog,
    kinds: Iterable[str] = DEFAULT_KINDS,
    exploration_ratio: float = 0.1,
    rule: str | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Tell what each kind of policy would have earned, and what acting is worth at all.

    A policy learns the first half of the decisions in the order of time, and is evaluated, frozen,
    on those of the second half where there was a choice and every candidate had a chance. Those of
    the control group are no policy's: they teach and evaluate nothing, but show what leads earn
    that are left alone.

    Parameters
    ----------
    log
        The decisions, by whichever policies took them.
    kinds
        Policies, by their names in ``online_models.policy.catalogue``.
    exploration_ratio
        The share of their choices that is uniform.
    rule
        Of which rule's decisions only; all if None.
    seed
        Of the estimates' folds.

    Returns
    -------
    dict
        Plain JSON. ``policies``: by kind what ``evaluate_policy`` says, and ``is_better`` (than
        what the log's own policies earned), or ``error``; and ``KIND in shadow`` where the log says
        what a policy would have done (``LEADSTREAM_POLICY_MODE``). ``holdout``: mean rewards of
        ``holdout`` and ``others``, and the ``difference``, each with its 95 % interval; or None.
        Counts: ``decisions``, ``learned``, ``evaluated``, and of the second half
        ``without_choice`` and ``unexplored``. ``logged_by``: who took the decisions.
        ``warnings``, and ``text``: all that in sentences.

    Raises
    ------
    PolicyLogError
        If the log tells neither; it says why, and what to do.
    """
    decisions = log.of_rule(rule)
    treated = [one for one in decisions if not one.is_holdout]
    half = len(treated) // 2
    learned, newer = treated[:half], treated[half:]
    with_choice = [one for one in newer if len(one.candidates) > 1]
    explored = [one for one in with_choice if all(c.probability > 0.0 for c in one.candidates)]
    holdout = _holdout(decisions)
    warnings = []
    fault = _fault(newer, with_choice, explored)
    if fault is not None:
        if holdout is None:
            raise PolicyLogError(fault)
        warnings.append(f"Policies cannot be evaluated, since {fault}.")
    report: dict[str, Any] = {
        "rule": rule,
        "exploration_ratio": exploration_ratio,
        "decisions": len(decisions),
        "learned": len(learned),
        "evaluated": len(explored),
        "without_choice": len(newer) - len(with_choice),
        "unexplored": len(with_choice) - len(explored),
        "other_types": log.other_types,
        "broken": log.broken,
        "first_faults": log.first_faults,
        "logged_by": dict(Counter(one.policy for one in explored).most_common()),
        "policies": {
            kind: _evaluated(kind, learned, explored, exploration_ratio, seed)
            for kind in (kinds if fault is None else ())
        }
        | _shadows(explored, seed),
        "holdout": holdout,
        "warnings": warnings,
    }
    return report | {"text": _text(report)}


def _fault(
    newer: Sequence[PolicyTransition],
    with_choice: Sequence[PolicyTransition],
    explored: Sequence[PolicyTransition],
) -> str | None:
    """Return why policies cannot be evaluated on the second half of a log; None if they can."""
    if newer and not with_choice:
        return (
            f"none of the newer {len(newer):,} decisions had more than one candidate, so every "
            "policy would have done the same; allow more actions (LEADSTREAM_ACTIONS_FILE)"
        )
    if with_choice and not explored:
        return (
            f"nothing was tried out: the newer {len(with_choice):,} decisions gave some "
            "candidates no chance (action_probability is 1 where only one is ever taken), so what "
            f"these would have earned is unknown; {TRY_OUT}"
        )
    if len(explored) < FEWEST:
        return (
            f"only {len(explored):,} of the newer half's decisions can be used, {FEWEST} are "
            f"needed; collect more, and if none come, {TRY_OUT}"
        )
    return None


def _evaluated(
    kind: str,
    learned: Iterable[PolicyTransition],
    explored: Sequence[PolicyTransition],
    epsilon: float,
    seed: int,
) -> dict[str, Any]:
    try:
        policy = build_policy(kind, epsilon=epsilon)
        for one in learned:
            policy.learn(as_transition(one, looks_ahead=KINDS[kind].looks_ahead))
    except (ModelFormatError, ValueError) as error:  # no library for it, no rewards of its sort
        return {"error": f"{kind} cannot learn from this log: {error}"}
    report = evaluate_policy(
        map(_logged, explored), lambda decision: _probabilities(policy, decision), seed=seed
    )
    return {**report, "is_better": is_better(report, report["logged"]["value"])}


def _shadows(explored: Sequence[PolicyTransition], seed: int) -> dict[str, Any]:
    """Evaluate what was written down in shadow: the versions as they were, nothing learned anew."""
    by_kind: dict[str, list[PolicyTransition]] = {}
    for one in explored:
        if one.shadow is not None:
            by_kind.setdefault(one.shadow.policy, []).append(one)
    return {
        f"{kind} in shadow": _shadow(found, seed)
        for kind, found in by_kind.items()
        if len(found) >= FEWEST
    }


def _shadow(found: Sequence[PolicyTransition], seed: int) -> dict[str, Any]:
    chances = iter(
        {c.action: c.probability for c in one.shadow.candidates} if one.shadow else {}
        for one in found
    )
    # Each decision is asked about once, in their order.
    report = evaluate_policy(map(_logged, found), lambda _: next(chances), seed=seed)
    return {**report, "is_better": is_better(report, report["logged"]["value"])}


def _logged(one: PolicyTransition) -> LoggedDecision:
    candidates = tuple(candidate.action for candidate in one.candidates)
    return LoggedDecision(one.x, one.action, one.action_probability, one.reward, candidates)


def _probabilities(policy: Policy, decision: LoggedDecision) -> dict[str, float]:
    # Which action is drawn does not matter.
    choice = policy.act(decision.x, decision.candidates, seeded(""))
    return dict(choice.probabilities)


def _holdout(decisions: Sequence[PolicyTransition]) -> dict[str, Any] | None:
    """Compare decisions on leads that were left alone with those where something could be done.

    A lead of the control group that nothing could have been done with counts as no holdout
    (``stream.lead.triggers``), so its like is left out on the other side, too.
    """
    left_alone = [one.reward for one in decisions if one.is_holdout]
    others = [
        one.reward
        for one in decisions
        if not one.is_holdout and any(c.action != NOTHING for c in one.candidates)
    ]
    if min(len(left_alone), len(others)) < FEWEST:
        return None
    means = [_mean(rewards) for rewards in (left_alone, others)]
    value, low, high = difference(means[1], means[0])
    return {
        "holdout": means[0]._asdict(),
        "others": means[1]._asdict(),
        "difference": {"value": value, "low": low, "high": high},
    }


def _mean(rewards: Sequence[float]) -> Figure:
    found = skewed_mean(np.array(rewards, dtype=np.float64))
    return Figure(found.value, found.low, found.high, len(rewards))


def _text(report: dict[str, Any]) -> str:
    return "\n".join(
        [
            *(f"Mind: {warning}" for warning in report["warnings"]),
            *(_of_policy(kind, one) for kind, one in report["policies"].items()),
            _of_holdout(report["holdout"]),
        ]
    )


def _of_policy(kind: str, one: dict[str, Any]) -> str:
    if "error" in one:
        return f"{one['error']}."
    verdict = (
        "It is better than what decided, beyond chance: it may take over."
        if one["is_better"]
        else "That it is better than what decided is not shown."
    )
    return f"{kind}: {one['text']} {verdict}"


def _of_holdout(holdout: dict[str, Any] | None) -> str:
    if holdout is None:
        return (
            "What acting is worth at all is not known: the log has too few decisions of the "
            f"control group ({FEWEST} are needed). Leave some leads alone: "
            "LEADSTREAM_HOLDOUT_SHARE=0.1."
        )
    by_name = {
        name: f"{one['value']:.3g} ({one['low']:.3g} to {one['high']:.3g})"
        for name, one in holdout.items()
    }
    apart = holdout["difference"]
    verdict = (
        "To act is worth it."
        if apart["low"] > 0.0
        else "To act does harm: leads that are left alone earn more."
        if apart["high"] < 0.0
        else "That may be chance."
    )
    return (
        f"Leads that were left alone earned {by_name['holdout']} per decision, the others "
        f"{by_name['others']}: acting brought {by_name['difference']}. {verdict}"
    )
