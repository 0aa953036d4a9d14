"""Online Bayesian linear regression: how much an effect differs from lead to lead."""

import math
from collections.abc import Container
from itertools import islice
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.axes import inputs_of
from online_models.protocols import Features
from online_models.symmetric import packed, unpacked

SCHEMA = 31
LIBRARY = f"numpy {np.__version__.partition('.')[0]}"
INTERCEPT = ""
"""The intercept's name among the weights."""
INTERCEPT_VARIANCE = 1.0
SMALLEST_VARIANCE = 1e-12
SMALLEST_NOISE = 1e-4
LARGEST_TARGET = 1.0
"""A difference of two probabilities, or of an outcome and a probability, is no larger."""

Array = NDArray[np.float64]


@with_config(formats.STRICT)
class Checkpoint(TypedDict):
    """The whole state of the regression."""

    names: Annotated[list[str], Field(min_length=1)]
    weights: list[formats.Weight]
    covariance: str
    squares: formats.NotNegative
    count: formats.NotNegative
    ignored_features: formats.Count


_CHECKPOINT: TypeAdapter[Any] = TypeAdapter(Checkpoint)


class EffectRegression:
    r"""Linear regression whose weights are one normal distribution, updated by each example.

    Recursive least squares from a normal prior, which is exact for normal noise (Bishop 2006,
    section 3.3.1, one example at a time). The noise's variance is what predictions made before
    the example have been off by, less what was not known of the weights. Features enter as they
    do in ``BayesianLogisticRegression``, and fade likewise.

    Parameters
    ----------
    prior_variance
        Of each weight before anything is learned of it: one feature changes an effect by some
        ten points.
    memory
        Examples after which what was learned of a feature counts half. Infinity never forgets.
    max_together
        Inputs that are learned of; further ones are ignored and counted.

    Examples
    --------
    >>> regression = EffectRegression()
    >>> for _ in range(500):
    ...     regression.learn_one({"stage": "demo"}, 0.2)
    ...     regression.learn_one({"stage": "won"}, -0.1)
    >>> effect, variance = regression.predict_one({"stage": "demo"})
    >>> round(effect, 1), variance < 0.001
    (0.2, True)
    """

    def __init__(
        self, prior_variance: float = 0.01, memory: float = 10_000.0, max_together: int = 400
    ) -> None:
        self.prior_variance = prior_variance
        self.memory = memory
        self.max_together = max_together
        self.ignored_features = 0
        self._names: dict[str, int] = {INTERCEPT: 0}
        self._weights: Array = np.zeros(32)
        self._covariance: Array = np.zeros((32, 32))
        self._covariance[0, 0] = INTERCEPT_VARIANCE
        self._squares = 0.0
        self._count = 0.0

    @property
    def noise_variance(self) -> float:
        """How much examples of equal features differ; 1/4, a coin's, before any is known."""
        # The guess counts like ten examples.
        return max(SMALLEST_NOISE, (self._squares + 2.5) / (self._count + 10.0))

    def learn_one(self, x: Features, target: float, weight: float = 1.0) -> None:
        """Learn from one example; a weight stands for that many like it."""
        target = max(-LARGEST_TARGET, min(LARGEST_TARGET, target))
        weight = min(weight, formats.LARGEST_WEIGHT)
        if weight <= 0.0:
            return
        numbers, values = self._place(x)
        self._forget(numbers)
        size = len(self._names)
        covariance = self._covariance[:size, :size]
        # Sums in a fixed order, not BLAS: the same bits on whatever machine.
        towards = (covariance[numbers] * values[:, None]).sum(axis=0)
        variance = max(0.0, float((towards[numbers] * values).sum()))
        surprise = target - float((self._weights[numbers] * values).sum())
        total = variance + self.noise_variance / weight
        self._weights[:size] += towards * (surprise / total)
        narrowed = towards / math.sqrt(total)
        covariance -= np.outer(narrowed, narrowed)
        keeps = 2.0 ** (-1.0 / self.memory)
        noise = max(0.0, surprise * surprise - variance)
        self._squares = self._squares * keeps + weight * noise
        self._count = self._count * keeps + weight

    def predict_one(self, x: Features) -> tuple[float, float]:
        """Return the effect, and the variance of what is not known of it."""
        numbers, values, unknown = [0], [1.0], 0.0
        for _, _, name, value in inputs_of(x):
            if name in self._names:
                numbers.append(self._names[name])
                values.append(value)
            else:
                unknown += self.prior_variance * value * value
        at = np.array(values)
        weights, rows = self._weights[numbers], self._covariance[np.ix_(numbers, numbers)]
        variance = float((rows * at[:, None] * at).sum())
        return float((weights * at).sum()), max(0.0, variance) + unknown

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state; the covariance is its upper triangle, float64 in base64."""
        size = len(self._names)
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "names": list(self._names),
            "weights": self._weights[:size].tolist(),
            "covariance": packed(self._covariance[:size, :size]),
            "squares": self._squares,
            "count": self._count,
            "ignored_features": self.ignored_features,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], **parameters: Any) -> "EffectRegression":
        """Rebuild a regression from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema or library, or broken.
        """
        formats.check_origin(state, SCHEMA, LIBRARY)
        checked: Checkpoint = formats.validated(_CHECKPOINT, state, "checkpoint")
        regression = cls(**parameters)
        names = checked["names"]
        size = len(names)
        covariance = unpacked(checked["covariance"], size)
        numbers = {name: number for number, name in enumerate(names)}
        if not len(numbers) == len(checked["weights"]) == size or names[0] != INTERCEPT:
            raise formats.ModelFormatError("checkpoint is broken: names and weights do not agree")
        room = max(32, 1 << (size - 1).bit_length())
        regression._names = numbers
        regression._weights, regression._covariance = np.zeros(room), np.zeros((room, room))
        regression._weights[:size] = checked["weights"]
        regression._covariance[:size, :size] = covariance
        regression._squares, regression._count = checked["squares"], checked["count"]
        regression.ignored_features = checked["ignored_features"]
        return regression

    def _place(self, x: Features) -> tuple[list[int], Array]:
        """Return numbers and values of the inputs."""
        numbers, values = [0], [1.0]
        for _, _, name, value in inputs_of(x):
            if name not in self._names:
                if len(self._names) >= self.max_together:
                    self.ignored_features += 1
                    continue
                self._add(name)
            numbers.append(self._names[name])
            values.append(value)
        return numbers, np.array(values)

    def _add(self, name: str) -> None:
        number = self._names[name] = len(self._names)
        if number >= len(self._weights):
            weights, covariance = np.zeros(2 * number), np.zeros((2 * number, 2 * number))
            weights[:number] = self._weights
            covariance[:number, :number] = self._covariance
            self._weights, self._covariance = weights, covariance
        self._covariance[number, number] = self.prior_variance

    def _forget(self, at_hand: list[int]) -> None:
        """Let what is known of the features at hand fade a little, back to the prior at most."""
        numbers = np.array(at_hand)
        known = np.maximum(self._covariance[numbers, numbers], SMALLEST_VARIANCE)
        prior = np.where(numbers == 0, INTERCEPT_VARIANCE, self.prior_variance)
        grown = np.minimum(known * 2.0 ** (1.0 / self.memory), np.maximum(prior, known))
        factors = np.ones(len(self._weights))
        factors[numbers] = np.sqrt(grown / known)
        # Both triangles by the very same products: a checkpoint keeps one of them.
        rows = self._covariance[numbers] * np.outer(factors[numbers], factors)
        self._covariance[numbers] = rows
        self._covariance[:, numbers] = rows.T


class RewardRegression(EffectRegression):
    """Linear regression of rewards from -1 to 1; inputs that are not seen any more make room.

    Actions come and go, and each brings inputs of its own. Where there is no room for another, the
    one not seen for longest is left out: of a normal distribution that is exact, since what is
    known of the others is their rows and columns of the covariance as they are.
    """

    def _place(self, x: Features) -> tuple[list[int], Array]:
        """Return numbers and values of the inputs; ``_names`` has those last seen at its end."""
        at_hand = {name: value for _, _, name, value in inputs_of(x)}
        for name in at_hand:
            if name in self._names:
                self._names[name] = self._names.pop(name)
        numbers, values = [0], [1.0]
        for name, value in at_hand.items():
            if name not in self._names and not self._take_in(name, at_hand):
                self.ignored_features += 1
                continue
            numbers.append(self._names[name])
            values.append(value)
        return numbers, np.array(values)

    def _take_in(self, name: str, at_hand: Container[str]) -> bool:
        """Give an input a number, if need be of one that is not at hand; False if there is none."""
        if len(self._names) < self.max_together:
            self._add(name)
            return True
        oldest = next(islice(self._names, 1, None), INTERCEPT)  # the intercept never moves
        if oldest == INTERCEPT or oldest in at_hand:
            return False
        number = self._names[name] = self._names.pop(oldest)
        self._weights[number] = 0.0
        self._covariance[number, :] = 0.0
        self._covariance[:, number] = 0.0
        self._covariance[number, number] = self.prior_variance
        return True
