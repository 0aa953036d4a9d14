"""Small neural networks: acting and learning of every policy that has one.

Acting needs numpy only. Learning finds a loss's gradient by the network's outputs with autograd
(``pip install leadstream[neural]``), and takes it back through the layers here.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.gradients import autograd_for
from online_models.policy.arrays import packed, unpacked

LARGEST_PARAMETER = 1e6
FIRST_DECAY, SECOND_DECAY, TINY = 0.9, 0.999, 1e-8
"""Of Adam, as its authors have them."""
SPREAD = 0.3
"""Standard deviation of a new input's weights."""
LARGEST_NORM = 1.0
"""A gradient is shortened to this length."""
BLOCK = 128
"""So many rows are multiplied at once."""

Array = NDArray[np.float64]
Loss = Callable[..., Any]
Width = Annotated[int, Field(ge=1, le=256)]
Hidden = Annotated[list[Width], Field(min_length=1, max_length=4)]


@with_config(formats.STRICT)
class AdamState(TypedDict):
    """Moments of the gradients, and how many there were."""

    first_moments: str
    second_moments: str
    steps: formats.Count


class Network:
    """Layers of tanh units, and linear outputs; inputs may be added.

    All weights are one vector, so that one Adam moves them, a copy is one copy and a stored
    network one text. The first layer's, a row for each input, stand last: a new input is
    appended. Outputs start at 0 whatever the inputs, so that at first nothing is preferred.

    Parameters
    ----------
    hidden
        Units of each hidden layer.
    outputs
        How many numbers come out.
    seed
        Of the first weights: an input's depend on it and on the input's number only.

    Examples
    --------
    >>> network = Network([8], outputs=2, seed=0)
    >>> network.grow(3)
    >>> network.outputs_of(np.ones((1, 3))).tolist()
    [[0.0, 0.0]]
    """

    def __init__(self, hidden: Sequence[int], outputs: int, seed: int) -> None:
        self.hidden = tuple(hidden)
        self.outputs = outputs
        self.seed = seed
        self.inputs = 0
        generator = np.random.default_rng([seed, 0])
        parts = [np.zeros(self.hidden[0])]
        for before, units in zip(self.hidden, self.hidden[1:], strict=False):
            parts += [generator.normal(0.0, before**-0.5, units * before), np.zeros(units)]
        parts += [np.zeros(outputs * self.hidden[-1]), np.zeros(outputs)]
        self.weights: Array = np.concatenate(parts)

    def grow(self, inputs: int) -> None:
        """Take in inputs up to so many."""
        new = [
            np.random.default_rng([self.seed, number + 1]).normal(0.0, SPREAD, self.hidden[0])
            for number in range(self.inputs, inputs)
        ]
        if new:
            self.weights = np.concatenate((self.weights, *new))
            self.inputs = inputs

    def outputs_of(self, x: Array) -> Array:
        """Return a row of outputs for each row of inputs."""
        return self._activations(x)[-1]

    def outputs_of_one(
        self, numbers: Sequence[int], values: Sequence[float], wanted: Sequence[int]
    ) -> list[float]:
        """Return some of the outputs for the inputs that are not 0.

        It is summed in numpy's own order, not BLAS's: the same machine has to come to the same
        bits, whatever its number of threads.
        """
        rows, biases, layers = self._layers(self.weights)
        now = np.tanh(np.einsum("i,ij->j", np.array(values), rows[list(numbers)]) + biases)
        for weights, biases in layers[:-1]:
            now = np.tanh(np.einsum("ij,j->i", weights, now) + biases)
        weights, biases = layers[-1]
        places = list(wanted)
        found: list[float] = (np.einsum("ij,j->i", weights[places], now) + biases[places]).tolist()
        return found

    def gradient(self, slope_of: Callable[[Array], Array], x: Array) -> Array:
        """Return a loss's gradient by all weights (Rumelhart, Hinton and Williams 1986).

        Parameters
        ----------
        slope_of
            From the outputs to the loss's gradient by them.
        x
            A row of inputs for each example.
        """
        activations = self._activations(x)
        slope = slope_of(activations[-1])
        found = np.empty_like(self.weights)
        of_rows, of_biases, of_layers = self._layers(found)
        _, _, layers = self._layers(self.weights)
        for number in range(len(layers) - 1, -1, -1):
            before = activations[number + 1]
            of_layers[number][0][:] = _summed(slope, before)
            of_layers[number][1][:] = slope.sum(axis=0)
            slope = _product(slope, layers[number][0]) * (1.0 - before * before)
        of_rows[:] = _summed(x, slope)
        of_biases[:] = slope.sum(axis=0)
        return found

    def stored(self) -> str:
        """Return the weights as text."""
        return packed(self.weights)

    def set_stored(self, text: str) -> None:
        """Take over weights that ``stored`` returned.

        Raises
        ------
        ModelFormatError
            If they are of another size, or one is none or too large.
        """
        self.weights = unpacked(text, self.weights.shape, most=LARGEST_PARAMETER).astype(np.float64)

    def _activations(self, x: Array) -> list[Array]:
        """Return the inputs, what comes out of each layer, and the outputs."""
        rows, biases, layers = self._layers(self.weights)
        found = [x, np.tanh(_product(x, rows) + biases)]
        for weights, biases in layers[:-1]:
            found.append(np.tanh(_product(found[-1], weights.T) + biases))
        weights, biases = layers[-1]
        found.append(_product(found[-1], weights.T) + biases)
        return found

    def _layers(self, weights: Array) -> tuple[Array, Array, list[tuple[Array, Array]]]:
        """Return views: rows and biases of the first layer, then those of each further one."""
        first, at = self.hidden[0], self.hidden[0]
        layers, before = [], first
        for units in (*self.hidden[1:], self.outputs):
            end = at + units * before
            layers.append((weights[at:end].reshape(units, before), weights[end : end + units]))
            at, before = end + units, units
        return weights[at:].reshape(self.inputs, first), weights[:first], layers


def _product(rows: Array, weights: Array) -> Array:
    """Return ``rows @ weights``, block by block.

    BLAS shares longer work among its threads: its bits would depend on how many there are.
    """
    if len(rows) <= BLOCK:
        return rows @ weights
    return np.concatenate([part @ weights for part in _blocks(rows)])


def _summed(one: Array, other: Array) -> Array:
    """Return ``one.T @ other``, block by block, as ``_product`` does."""
    found: Array = np.zeros((one.shape[1], other.shape[1]))
    for part, beside in zip(_blocks(one), _blocks(other), strict=True):
        found += part.T @ beside
    return found


def _blocks(rows: Array) -> list[Array]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


class Adam:
    """Moves weights against a gradient, each by its own mean and scale of it.

    Kingma and Ba 2015, algorithm 1; the gradient is shortened first where it is long (Pascanu,
    Mikolov and Bengio 2013, algorithm 1).
    """

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        self.steps = 0
        self._first: Array = np.zeros(0)
        self._second: Array = np.zeros(0)

    def move(self, network: Network, gradient: Array) -> None:
        """Move a network's weights one step."""
        self._grow(gradient.size)
        norm = float(np.sqrt(np.square(gradient).sum()))
        gradient = gradient * (LARGEST_NORM / max(LARGEST_NORM, norm))
        self.steps += 1
        self._first += (1.0 - FIRST_DECAY) * (gradient - self._first)
        self._second += (1.0 - SECOND_DECAY) * (gradient * gradient - self._second)
        scale = np.sqrt(self._second / (1.0 - SECOND_DECAY**self.steps)) + TINY
        rate = self.learning_rate / (1.0 - FIRST_DECAY**self.steps)
        network.weights -= rate * self._first / scale

    def state(self, network: Network) -> dict[str, Any]:
        """Return the whole state; ``network`` is the one that it moves."""
        self._grow(network.weights.size)
        return {
            "first_moments": packed(self._first),
            "second_moments": packed(self._second),
            "steps": self.steps,
        }

    def set_state(self, state: AdamState, network: Network) -> None:
        """Take over a state that was checked by its types.

        Raises
        ------
        ModelFormatError
            If it is not one of this network.
        """
        shape = network.weights.shape
        self.steps = state["steps"]
        first = unpacked(state["first_moments"], shape, most=LARGEST_PARAMETER)
        second = unpacked(state["second_moments"], shape, 0.0, LARGEST_PARAMETER)
        self._first, self._second = first.astype(np.float64), second.astype(np.float64)

    def _grow(self, size: int) -> None:
        more = np.zeros(size - self._first.size)
        if more.size:
            self._first = np.concatenate((self._first, more))
            self._second = np.concatenate((self._second, more))


def slope_of(loss: Loss) -> Callable[..., Array]:
    """Return what finds the gradient of a loss by outputs, by autograd (Maclaurin 2016).

    Parameters
    ----------
    loss
        Of numpy or what stands in for it to find gradients, the outputs, and facts by name.

    Raises
    ------
    ModelLibraryError
        If autograd is not installed.
    """
    autograd, numpy = autograd_for("a policy with a neural network")
    found: Callable[..., Array] = autograd.grad(
        lambda outputs, **facts: loss(numpy, outputs, **facts)
    )
    return found
