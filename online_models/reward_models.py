"""What each action would have earned: models of the reward, and predictions that never saw it."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from online_models.axes import inputs_of
from online_models.catalogue import build_model
from online_models.logged_decisions import Array, CheckedLog, LoggedDecision, LoggedDecisionError

PENALTY = 10.0
"""So many decisions' worth of doubt about each weight of a ridge regression."""
MOST_INPUTS = 200
"""The most frequent inputs that a ridge regression looks at: ids in a text field are none."""

Predict = Callable[[NDArray[np.intp]], Array]
"""Numbers of the decisions to learn from -> reward of each decision of the log, by action."""
RewardModel = Callable[[CheckedLog], Predict]
"""Log -> what learns from a part of it and predicts all of it."""


def ridge_rewards(log: CheckedLog) -> Predict:
    """Predict rewards by ridge regression: what all actions share, then what is each one's own.

    The second regression is of what the first leaves over, so an action that was seldom taken is
    predicted as all of them are. Inputs are those of ``online_models.axes``: categories and
    curves, so that neither sense nor scale of a feature needs to be known.

    References
    ----------
    Hoerl and Kennard 1970, Ridge regression: biased estimation for nonorthogonal problems.
    """
    inputs = _inputs(log.decisions)

    def predict(learned: NDArray[np.intp]) -> Array:
        common = inputs @ _ridge(inputs[learned], log.rewards[learned])
        predicted = np.empty_like(log.target)
        for action in range(len(log.actions)):
            rows = learned[log.chosen[learned] == action]
            left = log.rewards[rows] - common[rows]
            own = _ridge(inputs[rows], left, intercept_penalty=PENALTY)
            predicted[:, action] = common + inputs @ own
        return predicted

    return predict


def propensity_rewards(kind: str) -> RewardModel:
    """Return what predicts rewards of True and False by a propensity model for each action.

    Parameters
    ----------
    kind
        One of ``online_models.catalogue``.
    """

    def of(log: CheckedLog) -> Predict:
        if not np.isin(log.rewards, (0.0, 1.0)).all():
            raise LoggedDecisionError(
                "rewards are not all True or False, as propensity models need them; use "
                "ridge_rewards"
            )

        def predict(learned: NDArray[np.intp]) -> Array:
            models = [build_model(kind) for _ in log.actions]
            for number in learned:
                x, won = log.decisions[number].x, bool(log.rewards[number])
                models[log.chosen[number]].learn_one(x, won)
            rows = ([model.predict_proba_one(one.x) for model in models] for one in log.decisions)
            return np.array(list(rows))

        return predict

    return of


def _inputs(decisions: Sequence[LoggedDecision]) -> Array:
    """Return the inputs of each decision, an intercept first."""
    named = [{name: value for _, _, name, value in inputs_of(decision.x)} for decision in decisions]
    seen = Counter(name for inputs in named for name in inputs)
    # What was seen once only cannot tell anything of another decision.
    kept = [name for name, times in seen.most_common(MOST_INPUTS) if times > 1]
    column = {name: number for number, name in enumerate(kept, 1)}
    rows = np.zeros((len(decisions), len(column) + 1))
    rows[:, 0] = 1.0
    for row, inputs in zip(rows, named, strict=True):
        for name, value in inputs.items():
            if name in column:
                row[column[name]] = value
    return rows


def _ridge(inputs: Array, rewards: Array, intercept_penalty: float = 1e-9) -> Array:
    penalty = np.full(inputs.shape[1], PENALTY)
    penalty[0] = intercept_penalty
    solved = np.linalg.solve(inputs.T @ inputs + np.diag(penalty), inputs.T @ rewards)
    return np.asarray(solved, dtype=np.float64)
