"""A world that is like a house's own log: parameters by the method of simulated moments.

A cohort is simulated under contacts as frequent as the log's, its moments are counted in the
same way, and each parameter moves by what its own moment is off; a few rounds of that settle
(McFadden 1989, "A method of simulated moments", solved by fixed point: one parameter a moment).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import log
from random import Random
from typing import Any

from stream.simulator.log_moments import FRESH_DAYS, LogMoments, Moment, Standing, moments_of
from stream.simulator.mail import SENT_AFTER_DAYS
from stream.simulator.pipeline_log import pipeline_log
from stream.simulator.sales import WIN_SLOPE
from stream.simulator.sight import Proposal, Sight
from stream.simulator.world import ACTIONS, CONTENT, CUSTOMER, NOTHING, WorldParameters

MIN_EVENTS = 20
"""A moment that rests on fewer moves nothing."""
MIN_LEADS = 100

_FACTORS: Mapping[str, tuple[str, float, float]] = {
    # moment: parameter, the power of the moment's ratio by which it moves, how far it may go
    "visits": ("activity", 1.5, 10.0),
    "opens": ("answering", 1.0, 10.0),
    "unsubscribes": ("unsubscribing", 1.0, 20.0),
    "lost": ("lost_ratio", 1.0, 3.0),
    "cycle": ("decision_per_day", -1.5, 10.0),
    "churned": ("churn_per_month", 1.0, 20.0),
    "repeats": ("repeat_per_day", 1.0, 20.0),
}
_MOST_MIDPOINT_MOVE = 0.5


class FitError(ValueError):
    """A world cannot be fitted to a log; the message says why."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A world fitted to a log.

    Parameters
    ----------
    parameters
        The world.
    observed, simulated
        Each moment in the log, and in the fitted world.
    unchanged
        Parameters that the log says too little of.
    leads
        Leads that it rests on.
    """

    parameters: WorldParameters
    observed: Mapping[str, float]
    simulated: Mapping[str, float]
    unchanged: tuple[str, ...]
    leads: int


@dataclass(frozen=True)
class _AsOften:
    """Contacts as often as a log's, by chance."""

    log: LogMoments

    def propose(self, sight: Sight, rng: Random) -> Proposal:
        if not self.log.has_triggers:
            is_due = sight.stage != CUSTOMER and sight.age_days in SENT_AFTER_DAYS
            return Proposal(CONTENT if is_due else NOTHING)
        standing: Standing = "fresh" if sight.idle_days <= FRESH_DAYS else "idle"
        if sight.stage == CUSTOMER:
            standing = "customer"
        rates = self.log.contacts_per_day.get(standing, {})
        draw = rng.random()
        for name, rate in rates.items():
            draw -= rate
            if draw < 0.0:
                return Proposal(ACTIONS.index(name))
        return Proposal(NOTHING)


def fitted(
    events: Iterable[Mapping[str, Any]],
    *,
    start: WorldParameters | None = None,
    leads: int = 1_500,
    rounds: int = 8,
    seed: int = 0,
) -> Fitted:
    """Fit a world to a log.

    Parameters
    ----------
    events
        Events of the contract as parsed JSON; with ``nurture_triggered`` it is known what was
        done, else the demo's five mails are taken for granted.
    start
        Where to start from, and what stays where the log says too little.
    leads
        To simulate in each later round; a quarter of them in the first half. The fewer, the more
        chance is in the parameters: 1,500 leads bring some 60 customers that churn.
    rounds
        How often the parameters move.
    seed
        Of the simulated leads.

    Raises
    ------
    FitError
        If the log has fewer than 100 leads that were watched for 60 days.
    """
    parameters = start or WorldParameters()
    observed = moments_of(events)
    if observed.leads < MIN_LEADS:
        raise FitError(
            f"{observed.leads} leads were watched for 60 days after their first form: "
            f"give a log with {MIN_LEADS} or more"
        )
    policy = _AsOften(observed)
    first = parameters
    for number in range(rounds):
        # The first half of the way needs no precision.
        some = leads if number >= rounds // 2 else -(-leads // 4)
        simulated = moments_of(pipeline_log(parameters, policy, leads=some, seed=seed))
        parameters = _moved(parameters, first, observed.moments, simulated.moments)
    simulated = moments_of(pipeline_log(parameters, policy, leads=leads, seed=seed))
    too_few = [name for name, one in observed.moments.items() if one.events < MIN_EVENTS]
    names = {"won": "win_midpoint"} | {name: row[0] for name, row in _FACTORS.items()}
    return Fitted(
        parameters=parameters,
        observed={name: one.value for name, one in observed.moments.items()},
        simulated={name: one.value for name, one in simulated.moments.items()},
        unchanged=tuple(names[name] for name in too_few),
        leads=observed.leads,
    )


def _moved(
    parameters: WorldParameters,
    first: WorldParameters,
    observed: Mapping[str, Moment],
    simulated: Mapping[str, Moment],
) -> WorldParameters:
    changes: dict[str, float] = {}
    for moment, (name, power, most) in _FACTORS.items():
        wanted, found = observed[moment], simulated[moment]
        if wanted.events >= MIN_EVENTS and found.value > 0.0:
            value = getattr(parameters, name) * (wanted.value / found.value) ** power
            start = getattr(first, name)
            changes[name] = min(start * most, max(start / most, value))
    changes["lost_ratio"] = min(1.0, changes.get("lost_ratio", parameters.lost_ratio))
    won = observed["won"]
    if won.events >= MIN_EVENTS and 0.0 < won.value < 1.0:
        off = _log_odds(simulated["won"]) - _log_odds(won)
        middle = parameters.win_midpoint + off / WIN_SLOPE * 1.5
        low, high = (first.win_midpoint + sign * _MOST_MIDPOINT_MOVE for sign in (-1.0, 1.0))
        changes["win_midpoint"] = min(high, max(low, middle))
    return replace(parameters, **changes)  # type: ignore[arg-type]


def _log_odds(moment: Moment) -> float:
    share = min(1.0 - 1e-4, max(1e-4, moment.value))
    return log(share / (1.0 - share))
