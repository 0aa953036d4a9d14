r"""Journeys as walks of an absorbing Markov chain: who is won from where, and what would win more.

A lead in a stage goes on to the next, or its journey ends there, with the shares observed of all
that left the stage, whatever came before. With :math:`Q` the shares of moves between stages,
:math:`w` those of journeys won there and :math:`N = (I - Q)^{-1}` the expected visits (Kemeny and
Snell, Finite Markov Chains, 1960, chapter III), leads in a stage are won with :math:`f = N w`.
Stages that no win has been reached from are left out of :math:`Q`: so the inverse always exists.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Chain(NamedTuple):
    """A chain's figures; all arrays are of shape (stages,) and in the order of the counts.

    Attributes
    ----------
    conversion
        The probability that a new lead is won; None before one has entered.
    won_from
        The probability that a lead in the stage is won.
    visits_if_won
        How often a lead that is won comes into the stage, on the average.
    gains
        By how much the conversion would rise if each stage alone lost less.
    """

    conversion: float | None
    won_from: Array
    visits_if_won: Array
    gains: Array


def solve(starts: Array, moves: Array, won: Array, lost: Array, cut: float) -> Chain:
    r"""Return what counts of journeys say.

    Where a stage loses a share :math:`d` of those that leave it, and now only :math:`(1 - cut) d`,
    the others' shares grow by the factor :math:`1 + k, k = cut \cdot d / (1 - d)`. What that
    gains is exact, not a derivative: with :math:`v` the visits of new leads to the stage, it is
    :math:`k v f / (1 - k (N_{ss} - 1))` by the formula of Sherman and Morrison.

    Parameters
    ----------
    starts
        Leads that entered by each stage, shape (stages,).
    moves
        Moves from a stage (row) to another (column), shape (stages, stages).
    won, lost
        Journeys that ended in each stage, by a deal or without one, shape (stages,).
    cut
        The share of each stage's losses that is avoided to tell its gain, 0 to 1.

    Examples
    --------
    >>> chain = solve(np.array([100.0, 0.0]), np.array([[0.0, 50.0], [0.0, 0.0]]),
    ...               np.array([0.0, 40.0]), np.array([50.0, 10.0]), cut=0.1)
    >>> chain.conversion, chain.won_from.round(3).tolist(), chain.gains.round(3).tolist()
    (0.4, [0.4, 0.8], [0.04, 0.01])
    """
    left = moves.sum(axis=1) + won + lost
    shares = np.divide(moves, left[:, None], out=np.zeros_like(moves), where=left[:, None] > 0.0)
    wins, losses = (np.divide(of, left, out=np.zeros(len(left)), where=left > 0.0) for of in
                    (won, lost))  # fmt: skip
    winning = _reaching(won > 0.0, moves > 0.0)
    visits_from = np.linalg.inv(np.eye(winning.sum()) - shares[np.ix_(winning, winning)])
    won_from, visits, again = (np.zeros(len(left)) for _ in range(3))
    won_from[winning] = visits_from @ wins[winning]
    entered = starts.sum()
    entering = starts[winning] / entered if entered else starts[winning]
    visits[winning] = entering @ visits_from
    again[winning] = np.diag(visits_from) - 1.0
    conversion = float(starts @ won_from / entered) if entered else None
    factor = np.divide(cut * losses, 1.0 - losses, out=np.zeros(len(left)), where=losses < 1.0)
    gained = visits * won_from
    return Chain(
        conversion,
        won_from,
        gained / conversion if conversion else np.zeros(len(left)),
        factor * gained / (1.0 - factor * again),
    )


def levels(starts: Array, moves: Array) -> Array:
    """Return how far along each stage is: moves go one level up as nearly as can be.

    The trophic levels of a directed network (MacKay, Johnson and Sansom 2020, "How directed is a
    directed network?", Royal Society Open Science 7): those that minimize the sum over all moves of
    the square of how far each is from one level up; what leads enter from is at 0.

    Parameters
    ----------
    starts, moves
        As in ``solve``.

    Returns
    -------
    levels
        Shape (stages,).

    Examples
    --------
    >>> moves = np.array([[0.0, 50.0, 0.0], [20.0, 0.0, 30.0], [0.0, 0.0, 0.0]])
    >>> levels(np.array([60.0, 0.0, 0.0]), moves).round(2).tolist()
    [1.0, 1.43, 2.43]
    """
    size = len(starts) + 1
    flows = np.zeros((size, size))
    flows[0, 1:] = starts
    flows[1:, 1:] = moves
    np.fill_diagonal(flows, 0.0)
    into, out = flows.sum(axis=0), flows.sum(axis=1)
    found = np.linalg.lstsq(np.diag(into + out) - flows - flows.T, into - out, rcond=None)[0]
    return np.asarray(found[1:] - found[0], dtype=np.float64)


def _reaching(ends: NDArray[np.bool_], steps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which stages lead to one of some, in any number of steps."""
    reaching = ends
    while True:
        more = reaching | (steps & reaching).any(axis=1)
        if (more == reaching).all():
            return reaching
        reaching = more
