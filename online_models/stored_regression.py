"""River's Bayesian linear regression as plain data, and back to the bit."""

import base64
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, with_config
from river.linear_model import BayesianLinearRegression
from typing_extensions import TypedDict

from online_models.formats import LARGEST, STRICT, ModelFormatError

_LEARNED = {"_idx", "_cap", "_ss_inv_arr", "_eta_arr"}
_MADE_ANEW = {"alpha", "beta", "smoothing", "_n", "_ss_arr", "_m_arr", "_m_dirty"}


@with_config(STRICT)
class RegressionState(TypedDict):
    """The whole state: the covariance of the weights, and what they are the product of with it."""

    names: list[str]
    covariance: Annotated[str, Field(max_length=10**8)]
    natural_mean: str


def stored(regression: BayesianLinearRegression) -> RegressionState:
    """Return what a regression without smoothing has learned; arrays are float64 in base64.

    Raises
    ------
    ModelFormatError
        If this River's regression has other attributes than this release knows of.

    Examples
    --------
    >>> learned = BayesianLinearRegression(alpha=2.0)
    >>> learned.learn_one({"age": 2.0}, 3.0)
    >>> again = restored(stored(learned), alpha=2.0)
    >>> again.predict_one({"age": 1.0}) == learned.predict_one({"age": 1.0}) == 1.0
    True
    """
    if vars(regression).keys() != _LEARNED | _MADE_ANEW or regression.smoothing is not None:
        raise ModelFormatError("the regression has other attributes than this release knows of")
    return {
        "names": list(regression._idx),
        # Not one triangle: rounding leaves the two of them a bit apart.
        "covariance": _text(regression._ss_inv_arr),
        "natural_mean": _text(regression._eta_arr),
    }


def restored(state: RegressionState, alpha: float) -> BayesianLinearRegression:
    """Return the regression that goes on from a state.

    Raises
    ------
    ModelFormatError
        If names and arrays do not agree, or not all of these are numbers.
    """
    names = state["names"]
    natural_mean = _array(state["natural_mean"])
    covariance = _array(state["covariance"])
    size = natural_mean.size
    if len(set(names)) != len(names) or len(names) > size or covariance.size != size * size:
        raise ModelFormatError("checkpoint is broken: names and arrays do not agree")
    built: Any = BayesianLinearRegression(alpha=alpha)
    built._idx = {name: number for number, name in enumerate(names)}
    built._cap = size
    built._ss_inv_arr = covariance.reshape((size, size), order="F")
    if size and np.diagonal(built._ss_inv_arr).min() <= 0.0:
        raise ModelFormatError("checkpoint is broken: a covariance has positive variances")
    built._eta_arr = natural_mean
    # River adds to it, and reads it with smoothing alone.
    built._ss_arr = np.zeros((size, size))
    built._m_arr, built._m_dirty = np.zeros(size), True
    return built


def _text(array: NDArray[np.float64]) -> str:
    return base64.b64encode(array.astype("<f8").tobytes(order="F")).decode()


def _array(text: str) -> NDArray[np.float64]:
    try:
        array = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f8").astype(np.float64)
    except ValueError:
        array = np.array([np.nan])
    if not (np.abs(array) <= LARGEST).all():
        raise ModelFormatError("checkpoint is broken: an array is not of numbers, or too large")
    return array
