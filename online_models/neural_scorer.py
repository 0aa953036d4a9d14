"""Serving a small neural network from its snapshot, with numpy: log-odds and exact reasons."""

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models import variant_formats
from online_models.axes import category, inputs_of
from online_models.formats import ModelFormatError, validated
from online_models.protocols import Features

LARGEST_PARAMETER = 1e6
CLOSE = 1e-6
"""Sums so close to each other have the activation's own slope between them."""

Floats = NDArray[np.float32]
Array = NDArray[np.float64]


def log_odds_of(parameters: Any, values: Any, np: Any = np) -> Any:
    """Return a network's log-odds.

    Parameters
    ----------
    parameters
        A row of weights for each input at hand: to the hidden units, and straight to the log-odds;
        the hidden units' biases with the intercept; and the hidden units' own weights.
    values
        Of the inputs at hand.
    np
        numpy, or what stands in for it to find gradients.
    """
    rows, biases, outward = parameters
    # Sums in numpy's own order, not BLAS: the same machine has to come to the same bits.
    sums = np.sum(rows * values[:, None], axis=0) + biases
    return np.sum(np.tanh(sums[:-1]) * outward) + sums[-1]


def encoded(array: Floats) -> str:
    """Return an array as base64 of its little-endian float32."""
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def decoded(text: str, inputs: int, hidden: int) -> Floats:
    """Return an array of two rows and one for each input, as ``encoded`` wrote it.

    Raises
    ------
    ModelFormatError
        If it is of another size, or a number in it is none or too large.
    """
    try:
        array = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except ValueError:
        array = np.zeros(0, np.float32)
    if array.size != (inputs + 2) * (hidden + 1) or not (np.abs(array) <= LARGEST_PARAMETER).all():
        raise ModelFormatError("stored network is broken: its arrays are not what names ask for")
    return array.reshape(inputs + 2, hidden + 1).astype(np.float32)


class NeuralScorer:
    r"""One version of a ``NeuralPropensity``, serving; made as ``LinearScorer`` is.

    Reasons are integrated gradients (Sundararajan, Taly and Yan 2017, equation 1) on the
    straight path from the average lead :math:`\bar x`. A hidden unit's sum moves evenly along it,
    from :math:`a_0` to :math:`a_1`, so its mean slope is known without steps:

    .. math:: \int_0^1 \tanh'(a_0 + s (a_1 - a_0)) ds = \frac{\tanh a_1 - \tanh a_0}{a_1 - a_0}

    They add up to the log-odds exactly. What a lead lacks counts as well, where others have it.

    Raises
    ------
    ModelFormatError
        If the snapshot is broken.
    """

    def __init__(
        self,
        model: str,
        version: str,
        snapshot: dict[str, Any],
        fact_of: Callable[[str], str] = str,
    ) -> None:
        checked: variant_formats.NeuralSnapshot = validated(
            variant_formats.NEURAL, snapshot, "snapshot"
        )
        check_inputs(checked)
        self.model, self.version = model, version
        self.positives, self.negatives = checked["positives"], checked["negatives"]
        self._numbers = {name: number for number, name in enumerate(checked["names"])}
        parameters: Array = decoded(
            checked["parameters"], len(self._numbers), checked["hidden"]
        ).astype(np.float64)
        biases, self._outward, self._rows = parameters[0], parameters[1, :-1], parameters[2:]
        self._average: Array = np.array(checked["average"])
        self._sums = (self._rows * self._average[:, None]).sum(axis=0) + biases
        self._heights = np.tanh(self._sums[:-1])
        self._intercept = float((self._heights * self._outward).sum() + self._sums[-1])
        features = list(dict.fromkeys(checked["features"]))
        place = {feature: number for number, feature in enumerate(features)}
        self._feature_of = np.array([place[f] for f in checked["features"]], dtype=np.intp)
        self._facts = [(feature, fact_of(feature)) for feature in features]
        self._fact_of = fact_of

    def explain_one(self, x: Features) -> tuple[float, dict[str, float], float]:
        """Return the average lead's log-odds, what each fact adds to them, and 0.

        A category is told with what lacking the other categories of its feature adds.
        """
        apart = -self._average
        for _, _, name, value in inputs_of(x):
            if (number := self._numbers.get(name)) is not None:
                apart[number] += value
        moved = (self._rows * apart[:, None]).sum(axis=0)[:-1]
        rise = np.tanh(self._sums[:-1] + moved) - self._heights
        near = np.abs(moved) < CLOSE
        slopes = np.where(near, 1.0 - self._heights**2, rise / np.where(near, 1.0, moved))
        towards = (self._rows * np.append(slopes * self._outward, 1.0)).sum(axis=1)
        sums = np.bincount(self._feature_of, apart * towards, len(self._facts)).tolist()
        contributions: dict[str, float] = {}
        for (feature, fact), contribution in zip(self._facts, sums, strict=True):
            text = x.get(feature)
            told = self._fact_of(category(feature, text)) if isinstance(text, str) else fact
            contributions[told] = contributions.get(told, 0.0) + contribution
        return self._intercept, contributions, 0.0


def check_inputs(checked: variant_formats.NeuralSnapshot) -> None:
    """Refuse a stored network whose inputs are named twice, or not all told.

    Raises
    ------
    ModelFormatError
        It says so.
    """
    names = checked["names"]
    if not len(set(names)) == len(names) == len(checked["features"]) == len(checked["average"]):
        raise ModelFormatError("stored network is broken: names, features and average disagree")
