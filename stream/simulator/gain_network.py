"""A network that learns what each candidate gains above nothing, by a lead's features."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from online_models.policy.dqn import DeepQNetwork
from online_models.policy.encoder import Encoder
from online_models.policy.network_acting import NetworkActing
from online_models.policy.networks import Adam, Network
from online_models.protocols import Features

Array = NDArray[np.float64]
Rows = NDArray[np.float32]

HIDDEN = (64, 64)
_BATCH, _EPOCHS = 512, 24
_STEP_SIZES = ((0.5, 0.002), (0.75, 0.0005), (1.0, 0.0001))
"""Until which share of the steps Adam's is how large."""
_DECAY = 0.02
_FARTHEST = 5.0
"""No example moves the network as if it were off by more than this."""


def gain_network(
    x: Sequence[Features], gains: Rows, candidates: Sequence[str], seed: int, epsilon: float
) -> NetworkActing:
    """Return what acts by the mean gain of each candidate.

    Parameters
    ----------
    x
        Features of the decisions, one each.
    gains
        Of shape (decisions, candidates): what each would have gained, in units of about 1; NaN
        in the columns of those that gain nothing by nature, whose output stays 0.
    candidates
        Their names.
    seed
        Of the first weights and the batches.
    epsilon
        The share of choices that is uniform.

    Returns
    -------
    NetworkActing
        Acts as a deep Q-network's snapshot.

    Examples
    --------
    >>> gains = np.array([[np.nan, 1.0], [np.nan, -1.0]] * 200, np.float32)
    >>> x = [{"stage": "new"}, {"stage": "lost"}] * 200
    >>> acting = gain_network(x, gains, ["nothing", "call"], seed=0, epsilon=0.1)
    >>> from random import Random
    >>> [acting.act(one, ["nothing", "call"], Random(0)).action for one in x[:2]]
    ['call', 'nothing']
    """
    encoder = Encoder()
    rows = [encoder.observe(one) for one in x]
    states = np.full((len(rows), len(encoder)), np.nan, np.float32)
    for place, row in enumerate(rows):
        states[place, : len(row)] = row
    network = Network(HIDDEN, len(candidates), seed)
    network.grow(len(encoder))
    acting = NetworkActing("dqn", DeepQNetwork.preferred, encoder, network, epsilon)
    acting.place(candidates)
    learn_gains(acting, states, gains, seed)
    return acting


def learn_gains(acting: NetworkActing, states: Rows, gains: Rows, seed: int) -> None:
    """Fit a network to what each candidate would have gained, by Adam on the Huber loss.

    Parameters
    ----------
    acting
        Whose network is fitted, in place; its encoder knows all features.
    states
        Features of the decisions as the encoder has them, a row each.
    gains, seed
        As of ``gain_network``.
    """
    network, encoder = acting.network, acting.encoder
    targets = gains.astype(np.float64)
    generator, adam = np.random.default_rng(seed), Adam(0.0)
    steps = _EPOCHS * len(states) // _BATCH + 1
    for step in range(steps):
        adam.learning_rate = next(rate for share, rate in _STEP_SIZES if step < share * steps)
        at = generator.integers(0, len(states), _BATCH)
        slope = partial(_slope, targets=targets[at])
        adam.move(network, network.gradient(slope, encoder.standardised(states[at])))
        network.weights *= 1.0 - _DECAY * adam.learning_rate


def _slope(outputs: Array, targets: Array) -> Array:
    """Return the slope of the mean Huber loss; where there is no target, none."""
    off = np.nan_to_num(outputs - targets, nan=0.0)
    slope: Array = np.clip(off, -_FARTHEST, _FARTHEST) / len(targets)
    return slope
