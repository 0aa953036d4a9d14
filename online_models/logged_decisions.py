"""What a policy once decided and earned, checked before anything is concluded from it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.formats import LARGEST
from online_models.protocols import Features

Array = NDArray[np.float64]

ROUNDING = 1e-3
"""Logged probabilities were rounded: they may miss their sum by so much."""
SMALLEST_PROBABILITY = 1e-9
"""A policy that gives an action less than this does not take it."""
FEWEST = 20
"""Fewer decisions than this say nothing of any policy."""


class LoggedDecisionError(ValueError):
    """A logged decision, or what the evaluated policy says of it, cannot be used."""


class LoggedDecision(NamedTuple):
    """What was known, what the logging policy did, and what came of it.

    ``x`` are the features at the decision, ``action`` the one taken, and ``action_probability``
    the chance that the logging policy had given it. ``reward`` is what it earned: a number, or
    True and False. ``candidates`` are all actions that were possible, ``action`` among them.
    """

    x: Features
    action: str
    action_probability: float
    reward: float
    candidates: Sequence[str]


ProbabilitiesOf = Callable[[LoggedDecision], Mapping[str, float]]
"""Decision -> the evaluated policy's probability of each candidate; one left out has none."""


class CheckedLog(NamedTuple):
    """A log as arrays: a row for each decision, a column for each action of the log.

    ``chosen`` is the column of the action taken, ``target`` the evaluated policy's probabilities,
    ``weights`` how much likelier than the logging policy it takes the same action.
    """

    decisions: Sequence[LoggedDecision]
    actions: Sequence[str]
    chosen: NDArray[np.intp]
    rewards: Array
    target: Array
    weights: Array


def checked_log(
    decisions: Iterable[LoggedDecision], probabilities_of: ProbabilitiesOf
) -> CheckedLog:
    """Return a log as arrays.

    Raises
    ------
    LoggedDecisionError
        If there are too few decisions, or a probability or reward is impossible; it names the
        decision (counted from 0), the field, its value and what to do.

    Examples
    --------
    >>> log = [LoggedDecision({}, "call", 0.25, 1.0, ("call", "mail"))] * 20
    >>> checked_log(log, lambda decision: {"call": 0.5, "mail": 0.5}).weights[0]
    np.float64(2.0)
    >>> checked_log([log[0]._replace(action_probability=0.0)], lambda decision: {})
    Traceback (most recent call last):
    ...
    online_models.logged_decisions.LoggedDecisionError: decision 0: action_probability is 0.0: \
it must be above 0 (1e-09 at least) and at most 1; log the chance that the policy gave the action \
it took
    """
    rows = list(decisions)
    for number, decision in enumerate(rows):
        _check(number, decision)
    if len(rows) < FEWEST:
        raise LoggedDecisionError(
            f"decisions are {len(rows)}: an evaluation needs {FEWEST} at least; log more"
        )
    actions = sorted({action for decision in rows for action in decision.candidates})
    column = {action: number for number, action in enumerate(actions)}
    target = np.zeros((len(rows), len(actions)))
    for number, decision in enumerate(rows):
        for action, p in _checked_target(number, decision, probabilities_of(decision)).items():
            target[number, column[action]] = p
    chosen = np.array([column[decision.action] for decision in rows])
    taken = np.array([decision.action_probability for decision in rows])
    return CheckedLog(
        rows,
        actions,
        chosen,
        np.array([float(decision.reward) for decision in rows]),
        target,
        target[np.arange(len(rows)), chosen] / taken,
    )


def _check(number: int, decision: LoggedDecision) -> None:
    p = decision.action_probability
    if not _is_number(p) or not SMALLEST_PROBABILITY <= p <= 1.0:
        raise LoggedDecisionError(
            f"decision {number}: action_probability is {p!r:.40}: it must be above 0 "
            f"({SMALLEST_PROBABILITY:.0e} at least) and at most 1; log the chance that the policy "
            "gave the action it took"
        )
    if not _is_number(decision.reward):
        raise LoggedDecisionError(
            f"decision {number}: reward is {decision.reward!r:.40}: it must be a finite number; "
            "leave out decisions whose reward is not known yet"
        )
    if decision.action not in decision.candidates:
        raise LoggedDecisionError(
            f"decision {number}: action is {decision.action!r:.40}, which is not among its "
            "candidates; log all actions that the policy could have taken"
        )


def _checked_target(
    number: int, decision: LoggedDecision, target: Mapping[str, float]
) -> Mapping[str, float]:
    for action, p in target.items():
        if action not in decision.candidates:
            raise LoggedDecisionError(
                f"decision {number}: the evaluated policy takes {action!r:.40}, which is not among "
                "the candidates; it may choose among those only"
            )
        if not _is_number(p) or not 0.0 <= p <= 1.0:
            raise LoggedDecisionError(
                f"decision {number}: the evaluated policy's probability of {action!r:.40} is "
                f"{p!r:.40}: it must be from 0 to 1; correct the policy"
            )
    total = math.fsum(target.values())
    if abs(total - 1.0) > ROUNDING:
        raise LoggedDecisionError(
            f"decision {number}: the evaluated policy's probabilities sum to {total!r:.40}: they "
            "must sum to 1; give doing nothing a candidate of its own"
        )
    return target


def _is_number(value: object) -> bool:
    """Tell whether a value is a number, and neither NaN nor endless; text never is."""
    if not isinstance(value, int | float | np.number | np.bool_):
        return False
    return not np.iscomplexobj(value) and bool(-LARGEST <= value <= LARGEST)
