"""A Q-network trained in the simulated pipeline, by a guide that sees what is hidden.

What a contact brings is small beside chance: a lead buys or does not, months later. From outcomes
alone it would take hundreds of thousands of leads to learn it. In a simulation the true state is
there to ask, so that each decision is taught what every action would gain in expectation
(``OraclePolicy.gains``). The policy itself sees only what leadstream could know, and so learns
the mean over what it cannot tell apart. From round to round, the states are those that the
policy itself comes into (Ross, Gordon and Bagnell 2011, "DAgger"); the guide's knowledge is the
privilege of training (Chen, Zhou, Koltun and Krähenbühl 2020, "Learning by cheating").
"""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.policy.dqn import DeepQNetwork
from online_models.policy.encoder import Encoder
from online_models.policy.network_acting import NetworkActing
from online_models.policy.networks import Network
from stream.simulator.gain_network import HIDDEN, learn_gains
from stream.simulator.observation import OBSERVATION_NAMES, observe
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_oracle import OraclePolicy, Reach, counted_reach
from stream.simulator.pipeline_policies import CONTACTS, GAIN_UNIT, contact_worth
from stream.simulator.sight import CANDIDATES
from stream.simulator.world import ACTIONS, NOTHING, WorldParameters

Array = NDArray[np.float64]
Rows = NDArray[np.float32]

_SIDE_BY_SIDE = 500
"""Leads that live at the same time, so that the network decides on many at once."""
_TAUGHT_PER_DAY = 0.015
_BY_CHANCE_PER_DAY, _EXPLORING_PER_DAY = 0.04, 0.015
"""Share of a lead's days with a contact by chance: in the first round, and beside the policy."""
_FATIGUE_PRICE = 0.003
_ENOUGH_FOR_MOMENTS = 5_000


class _Shift(NamedTuple):
    """What one process simulates: some leads, under chance or a policy, and the guide's reach."""

    parameters: dict[str, Any]
    reach: Reach
    snapshot: dict[str, Any] | None
    contact_price: float
    seed: str
    leads: int


def trained_policy(
    parameters: WorldParameters,
    *,
    leads: int = 120_000,
    rounds: int = 5,
    seed: int = 0,
    contact_price: float = 0.002,
    processes: int | None = None,
) -> NetworkActing:
    """Train a policy on simulated leads; the same arguments give the same one.

    Parameters
    ----------
    parameters
        The world to train in, such as one that ``fitting.fitted`` found.
    leads
        How many, over all rounds.
    rounds
        How often the network is learned anew from all that was seen, to act in the next round.
    seed
        Of leads, chance and the network; evaluate on others.
    contact_price
        What a contact must gain, in reward, to be made while training.
    processes
        How many simulate; by default one for each core.

    Returns
    -------
    NetworkActing
        Acts as a deep Q-network's snapshot. Its value of a contact is what that gains above doing
        nothing, in ``GAIN_UNIT``.

    Raises
    ------
    ValueError
        If there are fewer than 10 leads a round, or no round.
    """
    if rounds < 1 or leads < 10 * rounds:
        raise ValueError(f"leads={leads}, rounds={rounds}: give 10 leads or more for each round")
    reach = counted_reach(parameters)
    states: list[Rows] = []
    gains: list[Rows] = []
    snapshot: dict[str, Any] | None = None
    # Not by fork: a fork copies the locks of threads, held or not.
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn")) as pool:
        for number in range(rounds):
            shifts = [
                _Shift(
                    parameters.to_json(),
                    reach,
                    snapshot,
                    contact_price,
                    f"{seed}/{number}/{at}",
                    count,
                )
                for at, count in _shares(leads // rounds)
            ]
            for seen, gained in pool.map(_simulate, shifts):
                states.append(seen)
                gains.append(gained)
            acting = _learned(np.concatenate(states), np.concatenate(gains), seed)
            snapshot = acting.snapshot()
    return acting


def _shares(leads: int) -> list[tuple[int, int]]:
    firsts = range(0, leads, _SIDE_BY_SIDE)
    return [(first, min(_SIDE_BY_SIDE, leads - first)) for first in firsts]


def _simulate(shift: _Shift) -> tuple[Rows, Rows]:
    """Return what was seen of leads on days drawn, and what each contact would have gained."""
    rng = Random(shift.seed)  # noqa: S311 - repeatable, not secret
    parameters = WorldParameters.from_json(shift.parameters)
    pipeline = Pipeline(parameters)
    guide = OraclePolicy(parameters, fatigue_price=_FATIGUE_PRICE, reach=shift.reach)
    acting = None if shift.snapshot is None else DeepQNetwork.from_snapshot(shift.snapshot)
    by_chance = _BY_CHANCE_PER_DAY if acting is None else _EXPLORING_PER_DAY
    live = [pipeline.named_lead(rng) for _ in range(shift.leads)]
    seen: list[list[float]] = []
    gained: list[list[float]] = []
    while live:
        open_ones = [prospect for prospect in live if prospect.may_be_contacted]
        rows = [observe(prospect) for prospect in open_ones]
        actions = _chosen(acting, rows, shift.contact_price)
        for place, prospect in enumerate(open_ones):
            if rng.random() < _TAUGHT_PER_DAY:
                seen.append(rows[place])
                gained.append(guide.gains(prospect))
            if rng.random() < by_chance:
                actions[place] = rng.randrange(len(ACTIONS))
        by_lead = dict(zip(map(id, open_ones), actions, strict=True))
        for prospect in live:
            pipeline.day(prospect, by_lead.get(id(prospect), NOTHING), rng)
        live = [prospect for prospect in live if not prospect.is_over]
    width = len(OBSERVATION_NAMES), len(CONTACTS)
    return (
        np.array(seen, np.float32).reshape(-1, width[0]),
        np.array(gained, np.float32).reshape(-1, width[1]),
    )


def _chosen(acting: NetworkActing | None, rows: list[list[float]], price: float) -> list[int]:
    if acting is None or not rows:
        return [NOTHING] * len(rows)
    worth = contact_worth(acting, np.array(rows, np.float32))
    best = np.where(worth.max(axis=1) > price / GAIN_UNIT, worth.argmax(axis=1) + 1, NOTHING)
    chosen: list[int] = best.tolist()
    return chosen


def _learned(states: Rows, gains: Rows, seed: int) -> NetworkActing:
    """Return a network that tells the mean gain of each contact by what was seen."""
    encoder = Encoder()
    for row in states[:_ENOUGH_FOR_MOMENTS].tolist():
        encoder.observe(dict(zip(OBSERVATION_NAMES, row, strict=True)))
    network = Network(HIDDEN, len(ACTIONS), seed)
    network.grow(len(encoder))
    acting = NetworkActing("dqn", DeepQNetwork.preferred, encoder, network, epsilon=0.05)
    acting.place(CANDIDATES)
    # Doing nothing, the first output, stays at 0.
    nothing = np.full((len(gains), 1), np.nan)
    learn_gains(acting, states, np.hstack([nothing, gains.astype(np.float64) / GAIN_UNIT]), seed)
    return acting
