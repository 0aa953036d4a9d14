"""What a policy would have earned, from the log of another: a report, and when to promote it."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from online_models.intervals import quantile
from online_models.logged_decisions import (
    CheckedLog,
    LoggedDecision,
    ProbabilitiesOf,
    checked_log,
)
from online_models.off_policy_estimators import (
    CONFIDENCE,
    Estimate,
    always_low,
    cross_fit,
    direct_method,
    doubly_robust,
    effective_decisions,
    inverse_propensity,
    mean,
    self_normalised,
)
from online_models.reward_models import RewardModel, ridge_rewards

FEWEST_EFFECTIVE = 100.0
"""Fewer effective decisions than this, and the normal distribution is no guide any more."""
LARGEST_SHARE = 0.1
"""A decision that outweighs this share of all others together decides too much alone."""
SURE = 0.999


def evaluate_policy(
    decisions: Iterable[LoggedDecision],
    probabilities_of: ProbabilitiesOf,
    reward_model: RewardModel = ridge_rewards,
    seed: int = 0,
) -> dict[str, Any]:
    """Estimate what a policy would have earned where another one decided.

    Decisions are taken as independent: of a lead that was decided on often, the intervals are too
    narrow.

    Parameters
    ----------
    decisions
        The log, in the order of time.
    probabilities_of
        The evaluated policy. It must not have learned from the same log.
    reward_model
        What predicts rewards for the direct and the doubly robust estimate.
    seed
        Of the folds that the reward model is fitted across, and of resamples.

    Returns
    -------
    dict
        Plain JSON. ``value``, ``low``, ``high``: the doubly robust estimate of the reward per
        decision, and its 95 % interval; ``always_low``: the bound to promote by; ``logged``: what
        the log earned; ``estimates``: all four, by name; ``decisions``, ``effective_decisions``,
        ``mean_weight``, ``largest_weight``; ``is_believable`` and ``warnings``; ``text``: all
        that in sentences.

    Raises
    ------
    LoggedDecisionError
        If the log cannot be used; it names decision, field, value and remedy.

    Examples
    --------
    Calls win half of the leads, mails none; the log holds as many of one as of the other.

    >>> log = [
    ...     LoggedDecision({}, "call" if n % 2 else "mail", 0.5, n % 4 == 1, ("call", "mail"))
    ...     for n in range(1_000)
    ... ]
    >>> report = evaluate_policy(log, lambda decision: {"call": 1.0})
    >>> print(report["text"])
    This policy would have earned 0.5 per decision (95 % interval: 0.456 to 0.544). \
The decisions as they were made earned 0.25 (0.223 to 0.277). \
As evidence, the 1,000 logged decisions count as much as 500 of the policy's own.
    >>> is_better(report, serving=0.25)
    True
    """
    log = checked_log(decisions, probabilities_of)
    fitted = cross_fit(log, reward_model, seed)
    best = doubly_robust(log, fitted)
    estimates = {
        "inverse_propensity": inverse_propensity(log),
        "self_normalised": self_normalised(log, seed),
        "direct_method": direct_method(fitted),
        "doubly_robust": best,
    }
    report: dict[str, Any] = {
        **_plain(best),
        "always_low": always_low(best, len(log.rewards)),
        "logged": _plain(mean(log.rewards)),
        "estimates": {name: _plain(estimate) for name, estimate in estimates.items()},
        "decisions": len(log.rewards),
        "effective_decisions": effective_decisions(log.weights),
        "mean_weight": float(log.weights.mean()),
        "largest_weight": float(log.weights.max()),
    }
    warnings = _warnings(log)
    report |= {"is_believable": not warnings, "warnings": warnings}
    return report | {"text": _text(report)}


def is_better(report: Mapping[str, Any], serving: Mapping[str, Any] | float) -> bool:
    """Tell whether a policy may take over: surely better, by an estimate that can be believed.

    Its lower bound must lie above what the serving policy earns. It is the bound that allows for
    looking again and again as the log grows.

    Parameters
    ----------
    report
        Of ``evaluate_policy``.
    serving
        The serving policy's reward per decision, or its report on the same log.

    Raises
    ------
    ValueError
        If the serving policy's value is not a finite number.
    """
    value = serving["value"] if isinstance(serving, Mapping) else serving
    if not math.isfinite(value):
        raise ValueError(f"serving is {value!r:.40}: it must be a finite reward per decision")
    return bool(report["is_believable"] and report["always_low"] > value)


def _warnings(log: CheckedLog) -> list[str]:
    found = []
    weights = log.weights
    effective = effective_decisions(weights)
    if effective < FEWEST_EFFECTIVE:
        found.append(
            f"The policies differ too much: the {_count(len(weights))} logged decisions count only "
            f"as much as {_count(effective)} of the policy's own, {_count(FEWEST_EFFECTIVE)} are "
            "needed. Do not believe the estimate; log more decisions, or let the logging policy "
            "try out more."
        )
    total = float(weights.sum())
    if total and weights.max() / total > LARGEST_SHARE:
        found.append(
            f"A single decision makes up {100 * weights.max() / total:.0f} % of the evidence. Do "
            "not believe the estimate; let the logging policy try out its rarest actions more."
        )
    checked = mean(weights)
    if abs(checked.value - 1.0) > quantile(SURE) * checked.standard_error + 1e-6:
        found.append(
            f"The weights average {checked.value:.3g}, but should average 1. Either the logged "
            "action_probability is not the one that was used, or the logging policy never takes "
            "an action that this policy takes. Do not believe the estimate."
        )
    return found


def _text(report: Mapping[str, Any]) -> str:
    logged = report["logged"]
    sentences = [
        f"This policy would have earned {_figure(report['value'])} per decision "
        f"({100 * CONFIDENCE:.0f} % interval: {_figure(report['low'])} "
        f"to {_figure(report['high'])}).",
        f"The decisions as they were made earned {_figure(logged['value'])} "
        f"({_figure(logged['low'])} to {_figure(logged['high'])}).",
        f"As evidence, the {_count(report['decisions'])} logged decisions count as much as "
        f"{_count(report['effective_decisions'])} of the policy's own.",
        *report["warnings"],
    ]
    return " ".join(sentences)


def _plain(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as JSON, which has no NaN."""
    return {
        field: value if np.isfinite(value) else None for field, value in estimate._asdict().items()
    }


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000.0 else f"{value:.3g}"


def _count(number: float) -> str:
    return f"{number:,.0f}"
