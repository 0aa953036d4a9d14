"""The simulation: journeys of all leads merged into one stream, in order of arrival."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from heapq import heappop, heappush, heapreplace
from itertools import islice
from random import Random

import orjson

from schemas.topics import CRM_UPDATES, LEAD_ACTIVITIES, PAGE_VIEWS
from stream.simulator.arrivals import arrival_times_s
from stream.simulator.costs import daily_costs
from stream.simulator.crawlers import crawls
from stream.simulator.imperfections import FlawDraw, Imperfections
from stream.simulator.journey import Journey, draw_journey
from stream.simulator.reactions import Reactions
from stream.simulator.site import Step
from stream.simulator.truth import Flaw, LeadTruth, Truth
from stream.simulator.world import WorldParameters

VISITORS_PER_DAY = 32.0
# Each sender keys in its own way, or not at all.
_KEY_FIELDS = {
    PAGE_VIEWS.name: "anonymous_id",
    CRM_UPDATES.name: "lead_id",
    LEAD_ACTIVITIES.name: "event_id",
}
_CRM_ZONE = timezone(timedelta(hours=2))

_Pending = tuple[float, int, LeadTruth | None, Iterator[Step], Step]


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One record for an input topic.

    Parameters
    ----------
    topic
        The topic's name, without the configured prefix.
    key
        Whatever its sender keys by; None for no key.
    value
        The contract's JSON, or what a flaw made of it.
    arrives_at
        Epoch seconds, on the axis of event time, at which it reaches Kafka.
    flaw
        What is wrong with it; None for a proper event.
    is_machine
        Whether a mail scanner or a crawler did it.
    """

    topic: str
    key: bytes | None
    value: bytes
    arrives_at: float
    flaw: Flaw | None
    is_machine: bool = False


@dataclass(kw_only=True)
class Simulation:
    """Simulated leads as a stream of events; equal arguments give equal bytes.

    Reading it again begins anew, with a new ``truth``.

    Parameters
    ----------
    events
        How many events to yield, flawed ones included; None for no end.
    seed
        Seed of all randomness.
    start
        When the first visitors arrive; needs an offset.
    visitors_per_day
        New visitors, of whom seven in ten get a name. None takes 32, at which 20,000 events
        span ten weeks, and fewer for fewer events, so that those still see outcomes.
    imperfections
        The shares of flaws.
    keep_truth
        False drops the truth of each lead, which grows with the number of leads.
    world
        How leads answer to ``react``; None for a simulation in which they do not, which keeps
        nothing of a lead whose journey has ended.
    truth
        The truth about the events read so far.
    active_leads
        Leads with events still to come.

    Examples
    --------
    >>> simulation = Simulation(events=100, seed=1, start=datetime(2026, 1, 1, tzinfo=UTC))
    >>> len(list(simulation)), simulation.truth.events
    (100, 100)
    """

    events: int | None
    seed: int
    start: datetime
    visitors_per_day: float | None = None
    imperfections: Imperfections = field(default_factory=Imperfections)
    keep_truth: bool = True
    world: WorldParameters | None = None
    truth: Truth = field(init=False, default_factory=Truth)
    active_leads: int = field(init=False, default=0)
    _reactions: Reactions | None = field(init=False, default=None, repr=False)
    _pending: list[_Pending] = field(init=False, default_factory=list, repr=False)
    _now_s: float = field(init=False, default=0.0, repr=False)

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise ValueError(f"start={self.start.isoformat()}: give it an offset from UTC")
        if self.visitors_per_day is None:
            share = 1.0 if self.events is None else self.events / 20_000
            self.visitors_per_day = VISITORS_PER_DAY * min(1.0, max(0.25, share))
        elif self.visitors_per_day <= 0:
            raise ValueError(f"visitors_per_day={self.visitors_per_day}: give more than 0")

    def __iter__(self) -> Iterator[SimulatedEvent]:
        self.truth = Truth()
        if self.world is not None:
            self._reactions = Reactions(self.world, self.seed)
        return islice(self._arrivals(self.truth), self.events)

    def react(self, lead_id: str, action: str, at_s: float) -> None:
        """Do an action with a lead, between two events that are read; what follows comes later.

        As long as nothing is done, not a byte of the stream changes.

        Parameters
        ----------
        lead_id
            Whose id has been read.
        action
            One of ``world.ACTIONS``.
        at_s
            Epoch seconds at which it reaches the lead; a time gone by is taken as now.

        Raises
        ------
        RuntimeError
            If the simulation was made without a ``world``, or is not being read.
        KeyError
            If there is no such lead, or it came very long ago.
        ValueError
            If there is no such action.
        """
        if self._reactions is None:
            raise RuntimeError("leads do not react: give Simulation a world, and read it")
        live, steps = self._reactions.react(lead_id, action, max(at_s, self._now_s))
        if steps:
            # Negative numbers, so that these steps are told from drawn ones.
            number = min(-1, min(entry for _, entry, *_ in self._pending) - 1)
            following = iter(steps)
            first = next(following)
            heappush(self._pending, (first.at_s, number, live.truth, following, first))

    def _arrivals(self, truth: Truth) -> Iterator[SimulatedEvent]:
        # Randomness of its own, so that the same leads live with and without flaws.
        rng = Random(f"{self.seed}/imperfections")  # noqa: S311 - repeatable, not secret
        flaws = FlawDraw(self.imperfections, rng)
        delayed: list[tuple[float, int, SimulatedEvent, LeadTruth | None, str | None]] = []
        number = 0
        for step, lead in self._occurrences(truth):
            at_s = round(step.at_s, 3)
            while delayed and delayed[0][0] <= at_s:
                _, _, event, owner, lead_id = heappop(delayed)
                self._record(truth, event, owner, lead_id)
                yield event
            topic, body = step.topic, step.body
            zone = _CRM_ZONE if topic == CRM_UPDATES.name else UTC
            body["event_id"] = f"{rng.getrandbits(128):032x}"
            body["occurred_at"] = datetime.fromtimestamp(at_s, zone)
            key_field = _KEY_FIELDS.get(topic)
            key = body[key_field].encode() if key_field else None
            value = orjson.dumps(body, option=orjson.OPT_UTC_Z)
            lead_id = body.get("lead_id")
            flaw = flaws.flaw()
            if flaw == "late" and body["type"] != "outcome":
                event = SimulatedEvent(
                    topic, key, value, at_s + flaws.delay_s(flaw), flaw, step.is_machine
                )
                number += 1
                heappush(delayed, (event.arrives_at, number, event, lead, lead_id))
                continue
            event = SimulatedEvent(topic, key, value, at_s, None, step.is_machine)
            self._record(truth, event, lead, lead_id)
            if lead is not None and body["type"] == "outcome":
                lead.result, lead.decided_at_s = body["result"], at_s
            yield event
            if flaw == "duplicate":
                event = SimulatedEvent(
                    topic, key, value, at_s + flaws.delay_s(flaw), flaw, step.is_machine
                )
                number += 1
                heappush(delayed, (event.arrives_at, number, event, lead, lead_id))
            elif flaw is not None and flaw != "late":
                body["event_id"] = f"{rng.getrandbits(128):032x}"
                event = SimulatedEvent(
                    topic, key, flaws.damaged(flaw, body), at_s, flaw, step.is_machine
                )
                self._record(truth, event, lead, None)
                yield event

    def _occurrences(self, truth: Truth) -> Iterator[tuple[Step, LeadTruth | None]]:
        rng = Random(self.seed)  # noqa: S311 - repeatable, not secret
        per_day = self.visitors_per_day or VISITORS_PER_DAY
        start_s = self.start.timestamp()
        costs = daily_costs(Random(f"{self.seed}/costs"), start_s, per_day)  # noqa: S311
        reactions = self._reactions
        pending = self._pending = []
        number = 0
        arrivals = arrival_times_s(rng, start_s, per_day)
        first = next(costs)
        heappush(pending, (first.at_s, number, None, costs, first))
        robots = crawls(Random(f"{self.seed}/crawlers"), start_s, per_day)  # noqa: S311
        number += 1
        first = next(robots)
        heappush(pending, (first.at_s, number, None, robots, first))
        arrives_at_s = next(arrivals)
        while True:
            while arrives_at_s <= pending[0][0]:
                number += 1
                journey = draw_journey(rng, arrives_at_s, self.imperfections.form_without_lead_id)
                steps = iter(journey.steps)
                first = next(steps)
                arrived = _truth_of(journey)
                heappush(pending, (first.at_s, number, arrived, steps, first))
                if reactions is not None:
                    reactions.register(journey, arrived)
                truth.visitors += 1
                arrives_at_s = next(arrivals)
            _, entry, lead, steps, step = pending[0]
            following = next(steps, None)
            if following is None:
                heappop(pending)
            else:
                heapreplace(pending, (following.at_s, entry, lead, steps, following))
            self.active_leads = len(pending) - 2  # costs and crawlers are no leads
            if reactions is not None:
                self._now_s = step.at_s
                if entry > 0 and lead is not None and reactions.is_dropped(lead.lead_id, step):
                    continue
            yield step, lead

    def _record(
        self, truth: Truth, event: SimulatedEvent, lead: LeadTruth | None, lead_id: str | None
    ) -> None:
        truth.events += 1
        if event.flaw is not None:
            truth.flaws[event.flaw] += 1
        if lead is None or not self.keep_truth:
            return
        lead.events += 1
        if event.flaw is not None:
            lead.flaws[event.flaw] = lead.flaws.get(event.flaw, 0) + 1
        if lead_id is not None:
            truth.leads[lead_id] = lead


def simulate(
    *,
    events: int | None,
    seed: int,
    start: datetime,
    visitors_per_day: float | None = None,
    imperfections: Imperfections | None = None,
) -> Iterator[SimulatedEvent]:
    """Yield simulated events in order of arrival; see `Simulation`, which knows the truth too."""
    simulation = Simulation(
        events=events,
        seed=seed,
        start=start,
        visitors_per_day=visitors_per_day,
        imperfections=imperfections or Imperfections(),
        keep_truth=False,
    )
    return iter(simulation)


def _truth_of(journey: Journey) -> LeadTruth:
    lead = journey.lead
    return LeadTruth(
        lead.lead_id, lead.anonymous_ids, lead.intent, lead.persona.name, lead.is_scanner
    )
