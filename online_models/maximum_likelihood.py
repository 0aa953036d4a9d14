"""The most likely positive parameters, by their logarithms."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Array = NDArray[np.float64]

LONGEST_STEP = 0.5
"""How far a single step takes a logarithm: far from the optimum it points beyond."""
RIDGE = 1e-6
"""What is added to a matrix's diagonal, as a share of its mean: it may be singular."""


def most_likely(
    log_likelihood: Callable[[Array], tuple[Array, Array]],
    share: Array,
    start: Sequence[float],
    bounds: Sequence[tuple[float, float]],
    *,
    to_optimum: bool,
) -> list[float]:
    """Return parameters that make rows likely, the most likely ones or those a step nearer.

    Towards the optimum with L-BFGS-B (Byrd et al. 1995). A single step is Newton's, with the
    scores' outer products for the curvature (Berndt, Hall, Hall and Hausman 1974): it costs one
    evaluation, and as rows change little by little, one step for each change stays at the optimum.

    Parameters
    ----------
    log_likelihood
        Takes parameters, shape (parameters,); returns each row's log-likelihood, shape (rows,), and
        its derivatives, shape (parameters, rows).
    share
        Share of each row, shape (rows,), 1 in all.
    start, bounds
        Where to search from, and the least and most of each parameter; all above 0.
    to_optimum
        Whether to search until nothing is left to gain.
    """
    lows, highs = np.log(np.array(bounds, float)).T
    logs = np.clip(np.log(np.array(start, float)), lows, highs)
    if not to_optimum:
        scores = log_likelihood(np.exp(logs))[1] * np.exp(logs)[:, None]
        curvature = (scores * share) @ scores.T
        curvature += RIDGE * np.trace(curvature) / len(logs) * np.eye(len(logs))
        step = np.linalg.solve(curvature, scores @ share)
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-300))
        return [float(p) for p in np.exp(np.clip(logs + step, lows, highs))]

    def loss(logs: Array) -> tuple[float, Array]:
        parameters = np.exp(logs)
        value, gradient = log_likelihood(parameters)
        return -float(share @ value), -(gradient @ share) * parameters

    found = optimize.minimize(
        loss,
        logs,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lows, highs, strict=True)),
        options={"maxiter": 1_000, "ftol": 1e-14, "gtol": 1e-8},
    )
    return [float(p) for p in np.exp(found.x)]
