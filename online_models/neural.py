"""A small neural network that learns online: what facts say together, without naming the pairs."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models import formats, laplace, variant_formats
from online_models.axes import inputs_of
from online_models.gradients import autograd_for
from online_models.neural_scorer import check_inputs, decoded, encoded, log_odds_of
from online_models.protocols import Features

SNAPSHOT_SCHEMA = 15
CHECKPOINT_SCHEMA = 15
LIBRARY = f"numpy {np.__version__.partition('.')[0]}"
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8
"""Of Adam, as its authors have them."""
SPREAD = 0.3
"""Standard deviation of a new input's weights."""
LARGEST_REPEAT = 100.0
"""An example stands for no more than this many: Adam would remember its slope for long."""

Floats = NDArray[np.float32]
Array = NDArray[np.float64]


class NeuralPropensity:
    """One hidden layer beside a linear model, moved by Adam along each example's gradient.

    The linear part learns what each input says by itself, the hidden units what they say
    together (Wide & Deep: Cheng et al. 2016). Adam (Kingma and Ba 2015, algorithm 1) moves
    the weights of the inputs at hand only. Inputs are those of ``online_models.axes``: numbers as
    curves, text as categories, log counts as they are.

    Learning needs ``autograd`` (``pip install leadstream[neural]``); serving needs numpy only.
    Weights and moments are kept in single precision, so that a snapshot of half the size
    holds them to the bit.

    Parameters
    ----------
    hidden
        Units of the hidden layer.
    learning_rate
        Adam's step.
    seed
        Of the first weights: an input's depend on it and on the input's number only.
    max_features
        Inputs beyond this many are ignored, so that ids in a text field cannot fill the memory.

    Raises
    ------
    ModelLibraryError
        If autograd is not installed.
    """

    def __init__(
        self,
        hidden: int = 16,
        learning_rate: float = 0.001,
        seed: int = 0,
        max_features: int = 1_000,
    ) -> None:
        self.hidden = hidden
        self.learning_rate = learning_rate
        self.seed = seed
        self.max_features = max_features
        self.positives = 0
        self.negatives = 0
        self.ignored_features = 0
        self._gradient = _gradient()
        self._names: dict[str, int] = {}
        self._features: list[str] = []
        self._sums: list[float] = []
        # Row 0: the biases; row 1: the hidden units' own weights; then a row for each input.
        self._parameters: Floats = np.zeros((2, hidden + 1), np.float32)
        self._parameters[1] = self._first_weights(1)
        self._first: Floats = np.zeros_like(self._parameters)
        self._second: Floats = np.zeros_like(self._parameters)

    def learn_one(self, x: Features, y: bool, weight: float = 1.0) -> None:
        """Learn from one labelled vector; a weight stands for that many like it."""
        rows, values = self._place(x)
        of_rows, of_biases, of_outward = self._gradient(
            self._at_hand(rows), values, float(y), min(weight, LARGEST_REPEAT)
        )
        if y:
            self.positives += 1
        else:
            self.negatives += 1
        self._adam([0, 1, *rows], np.vstack([of_biases, np.append(of_outward, 0.0), of_rows]))

    def predict_proba_one(self, x: Features) -> float:
        """Return the probability of True."""
        known = [(self._names[n], v) for _, _, n, v in inputs_of(x) if n in self._names]
        values = np.array([value for _, value in known])
        return laplace.expit(float(log_odds_of(self._at_hand([row for row, _ in known]), values)))

    def snapshot(self) -> dict[str, Any]:
        """Return what predicting needs: the weights, and the average lead.

        ``features``: of each input, what it is told under; ``average``: its mean value.
        """
        examples = max(1, self.positives + self.negatives)
        return {
            "schema": SNAPSHOT_SCHEMA,
            "library": LIBRARY,
            "positives": self.positives,
            "negatives": self.negatives,
            "hidden": self.hidden,
            "names": list(self._names),
            "features": list(self._features),
            "average": [total / examples for total in self._sums],
            "parameters": encoded(self._parameters[: len(self._names) + 2]),
        }

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state: the snapshot's parts, exact sums and Adam's moments."""
        used = len(self._names) + 2
        return self.snapshot() | {
            "schema": CHECKPOINT_SCHEMA,
            "ignored_features": self.ignored_features,
            "average": list(self._sums),
            "first_moments": encoded(self._first[:used]),
            "second_moments": encoded(self._second[:used]),
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "NeuralPropensity":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken; or autograd is missing.
        """
        formats.check_origin(state, CHECKPOINT_SCHEMA, LIBRARY)
        checked: variant_formats.NeuralCheckpoint = formats.validated(
            variant_formats.NEURAL_CHECKPOINT, state, "checkpoint"
        )
        check_inputs(checked)
        model = cls(**parameters | {"hidden": checked["hidden"]})
        model.positives, model.negatives = checked["positives"], checked["negatives"]
        model.ignored_features = checked["ignored_features"]
        model._names = {name: 2 + number for number, name in enumerate(checked["names"])}
        model._features, model._sums = list(checked["features"]), list(checked["average"])
        model._parameters, model._first, model._second = (
            decoded(text, len(model._names), model.hidden)
            for text in (
                checked["parameters"],
                checked["first_moments"],
                checked["second_moments"],
            )
        )
        if (model._second < 0.0).any():
            raise formats.ModelFormatError("checkpoint is broken: second_moments: below 0")
        return model

    def _place(self, x: Features) -> tuple[list[int], Array]:
        """Return the rows and values of an example's inputs, new ones with their first weights."""
        rows, values = [], []
        for feature, _, name, value in inputs_of(x):
            row = self._names.get(name)
            if row is None:
                if len(self._names) >= self.max_features:
                    self.ignored_features += 1
                    continue
                row = self._add(name, feature)
            rows.append(row)
            values.append(value)
            self._sums[row - 2] += value
        return rows, np.array(values)

    def _add(self, name: str, feature: str) -> int:
        row = self._names[name] = 2 + len(self._names)
        self._features.append(feature)
        self._sums.append(0.0)
        if row >= len(self._parameters):
            more = np.zeros_like(self._parameters)
            self._parameters = np.concatenate([self._parameters, more])
            self._first = np.concatenate([self._first, more])
            self._second = np.concatenate([self._second, more])
        self._parameters[row] = self._first_weights(row)
        return row

    def _first_weights(self, row: int) -> Array:
        """Return random weights to the hidden units, by the seed and the row; no other weight."""
        weights = np.zeros(self.hidden + 1)
        weights[:-1] = np.random.default_rng([self.seed, row]).normal(0.0, SPREAD, self.hidden)
        return weights

    def _at_hand(self, rows: list[int]) -> tuple[Array, Array, Array]:
        """Return what ``log_odds_of`` asks for, in double precision."""
        parameters = self._parameters[[0, 1, *rows]].astype(np.float64)
        return parameters[2:], parameters[0], parameters[1, :-1]

    def _adam(self, rows: list[int], gradient: Array) -> None:
        """Move rows against their gradients, each weight by its own mean and scale of them."""
        learned = self.positives + self.negatives
        first = FIRST_DECAY * self._first[rows] + (1.0 - FIRST_DECAY) * gradient
        second = SECOND_DECAY * self._second[rows] + (1.0 - SECOND_DECAY) * gradient**2
        self._first[rows], self._second[rows] = first, second
        scale = np.sqrt(second / (1.0 - SECOND_DECAY**learned)) + TINY
        step = first / (1.0 - FIRST_DECAY**learned) / scale
        self._parameters[rows] -= (self.learning_rate * step).astype(np.float32)


def _gradient() -> Callable[..., tuple[Array, Array, Array]]:
    """Return what finds the gradient of an example's log loss, by autograd (Maclaurin 2016)."""
    autograd, numpy = autograd_for("a neural network")

    def loss(parameters: Any, values: Array, y: float, weight: float) -> Any:
        log_odds = log_odds_of(parameters, values, numpy)
        return weight * (numpy.logaddexp(0.0, log_odds) - y * log_odds)

    gradient: Callable[..., tuple[Array, Array, Array]] = autograd.grad(loss)
    return gradient
