"""A policy for leadstream's own decisions, trained on simulated leads by a guide that sees all.

Simulated leads live under the house's catalogue, rules and caps (``nurtured_lead``). At each
occasion on which leadstream decides, what it knows of the lead is kept with what each action
would gain in the lead's true state (``OraclePolicy.gains``), and what was decided happens. From
round to round the policy decides by what it has learned, so that it learns in the states that it
comes into itself (Ross, Gordon and Bagnell 2011, "DAgger").

Leads of the first round are scored by the house's point rules alone. Of the later ones half are,
as in a house that is new, and half by a model that learned from those of the first.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from multiprocessing import get_context
from random import Random
from typing import Any, NamedTuple

import numpy as np
import orjson

from online_models.catalogue import build_model, build_scorer
from online_models.policy.dqn import DeepQNetwork
from online_models.policy.network_acting import NetworkActing
from online_models.policy.protocol import Choice, drawn
from online_models.protocols import Features, Scorer
from schemas.learning import TrainingExample
from stream.lead.action import RULES
from stream.lead.actions import Catalogue
from stream.lead.features import fact_of
from stream.lead.house import House
from stream.lead.labels import MODEL
from stream.lead.learner import Learner, decoded
from stream.simulator.gain_network import Rows, gain_network
from stream.simulator.nurtured_lead import Likeness, NurturedLead, simulated_house
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_oracle import OraclePolicy, Reach, counted_reach
from stream.simulator.pipeline_policies import GAIN_UNIT
from stream.simulator.prospect import Prospect
from stream.simulator.world import ACTIONS, WorldParameters

_SHIFT_LEADS = 250
_FATIGUE_PRICE = 0.003
_EXPLORED = 0.15
"""Share of decisions that are by chance while training."""
_SCORER = "bayesian_logistic"
_SCORER_LEADS = 3_000
"""So many leads of the first round teach the model that scores."""


class LikenessError(ValueError):
    """An action of the house is like none that the simulator knows; the message says which."""


class _Round(NamedTuple):
    """What a process needs for a round; ``policy`` None decides by chance."""

    parameters: dict[str, Any]
    house: dict[str, Any]
    likeness: dict[str, str]
    policy: dict[str, Any] | None
    scorer: dict[str, Any] | None
    reach: Reach


class _Taught(NamedTuple):
    """Of some leads: what was known at each decision, what contacts gain, labelled examples."""

    x: list[Features]
    gains: list[list[float]]
    examples: list[bytes]


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy for the house's decisions, and the model that scored half of its leads."""

    acting: NetworkActing
    scorer: dict[str, Any]
    decisions: int


def checked_likeness(catalogue: Catalogue, given: Mapping[str, str]) -> dict[str, str]:
    """Return for each action of a house the simulator's that it is like: its own name, or given.

    Raises
    ------
    LikenessError
        If one is like none, or a given one is not there.

    Examples
    --------
    >>> from stream.lead.actions import default_catalogue
    >>> like = {"sales_alert": "nothing", "nurture_email": "content", "win_back_email": "content"}
    >>> checked_likeness(default_catalogue(), like)["call"]
    'call'
    """
    known = ", ".join(ACTIONS)
    for action, like in given.items():
        if action not in catalogue.by_name:
            raise LikenessError(
                f"{action!r} is no action of the catalogue: {', '.join(catalogue.by_name)}"
            )
        if like not in ACTIONS:
            raise LikenessError(f"{action} is to be like {like!r}: the simulator knows {known}")
    likeness = {name: given.get(name, name) for name in catalogue.by_name}
    strange = [name for name, like in likeness.items() if like not in ACTIONS]
    if strange:
        raise LikenessError(
            f"the simulator does not know {', '.join(strange)}: say which of its actions "
            f"({known}) each is like"
        )
    return likeness


def candidate_names(catalogue: Catalogue) -> dict[str, str]:
    """Return the names of all candidates, an action in one framing each, with their actions."""
    every = (one for rule in RULES for one in catalogue.offered(rule))
    return {one.name: one.action.name for one in every}


def train(
    house: House,
    parameters: WorldParameters,
    likeness: Likeness,
    *,
    leads: int = 20_000,
    rounds: int = 4,
    seed: int = 0,
    processes: int | None = None,
    after_round: Callable[[int, int], None] | None = None,
) -> Trained:
    """Train a policy on a house's decisions; the same arguments give the same one.

    Parameters
    ----------
    house
        Its catalogue, rules and caps.
    parameters
        The world to train in.
    likeness
        Of ``checked_likeness``. Framings gain what their action does.
    leads
        How many, over all rounds.
    rounds
        How often the network is learned anew from all that was seen.
    seed
        Of leads, chance and the network.
    processes
        How many simulate; by default one for each core.
    after_round
        Told the number of each round that is done, from 1, and the decisions so far.

    Raises
    ------
    ValueError
        If there are fewer than 10 leads a round, or less than 2 rounds.
    """
    if rounds < 2 or leads < 10 * rounds:
        raise ValueError(
            f"leads={leads}, rounds={rounds}: give 2 rounds or more, and 10 leads for each"
        )
    candidates = candidate_names(house.catalogue)
    plan = _Round(
        parameters.to_json(),
        portable(simulated_house(house)),
        dict(likeness),
        None,
        None,
        counted_reach(parameters),
    )
    x: list[Features] = []
    gains: list[Rows] = []
    # Not by fork: a fork copies the locks of threads, held or not.
    with ProcessPoolExecutor(processes or os.cpu_count(), get_context("spawn")) as pool:
        for number in range(rounds):
            shifts = [(plan, f"{seed}/{number}", each) for each in shares(leads // rounds)]
            examples: list[bytes] = []
            for taught in pool.map(_simulate, shifts):
                x += taught.x
                gains.append(_targets(taught.gains, candidates, likeness))
                examples += taught.examples
            if not x:
                raise ValueError("nothing was ever to be decided: the catalogue allows no action")
            acting = gain_network(x, np.concatenate(gains), list(candidates), seed, _EXPLORED)
            scorer = plan.scorer or _scorer_learned(examples)
            plan = plan._replace(policy=acting.snapshot(), scorer=scorer)
            if after_round is not None:
                after_round(number + 1, len(x))
    return Trained(acting, scorer, len(x))


def shares(leads: int) -> list[range]:
    """Return the numbers of leads as one process lives them at a time, the last ones fewer."""
    return [range(at, min(leads, at + _SHIFT_LEADS)) for at in range(0, leads, _SHIFT_LEADS)]


def portable(house: House) -> dict[str, Any]:
    """Return what another process makes the same house of; its secrets stay here."""
    values = {one.name: getattr(house, one.name) for one in fields(House)}
    del values["sealer"], values["erasure_key"]
    return {**values, "opt_in": dict(house.opt_in)}


def scorer_of(state: dict[str, Any] | None) -> Scorer | None:
    """Return what scores by a snapshot's state; None where there is none."""
    return None if state is None else build_scorer(MODEL, f"{_SCORER}-0", state, fact_of)


def _simulate(shift: tuple[_Round, str, range]) -> _Taught:
    """Return what there was to decide with some leads, and what each contact would have gained."""
    plan, seed, numbers = shift
    parameters = WorldParameters.from_json(plan.parameters)
    guide = OraclePolicy(parameters, fatigue_price=_FATIGUE_PRICE, reach=plan.reach)
    acting = None if plan.policy is None else DeepQNetwork.from_snapshot(plan.policy, _EXPLORED)
    x: list[Features] = []
    gains: list[list[float]] = []
    examples: list[bytes] = []

    def choose(
        prospect: Prospect, known: Features, candidates: Sequence[str], rng: Random
    ) -> Choice:
        if prospect.may_be_contacted:  # else it is lost by the evening, or wants no contact
            x.append(known)
            gains.append(guide.gains(prospect))
        if acting is None:
            return drawn(candidates, [1.0] * len(candidates), 1.0, rng)
        return acting.act(known, candidates, rng)

    pipeline, house, scorer = Pipeline(parameters), House(**plan.house), scorer_of(plan.scorer)
    for number in numbers:
        lead = NurturedLead(
            pipeline, seed, number, house, plan.likeness,
            choose=choose, scorer=scorer if number % 2 else None,
        )  # fmt: skip
        lead.live()
        if number < _SCORER_LEADS:
            examples += lead.examples
    return _Taught(x, gains, examples)


def _targets(gains: list[list[float]], candidates: Mapping[str, str], likeness: Likeness) -> Rows:
    """Return what each candidate gained, costs taken off, in ``GAIN_UNIT``."""
    of_contacts = np.array(gains, np.float32).reshape(-1, len(ACTIONS) - 1) / GAIN_UNIT
    nothing = np.full((len(gains), 1), np.nan, np.float32)
    by_action = np.concatenate((nothing, of_contacts), axis=1, dtype=np.float32)
    return by_action[:, [ACTIONS.index(likeness[action]) for action in candidates.values()]]


def _scorer_learned(examples: Iterable[bytes]) -> dict[str, Any]:
    learner = Learner(MODEL, _SCORER, build_model)
    for offset, value in enumerate(examples):
        example = decoded(value)
        if isinstance(example, TrainingExample) and example.model == MODEL:
            learner.learn(example, offset)
    state: dict[str, Any] = orjson.loads(learner.snapshot().value or b"")["state"]
    return state
