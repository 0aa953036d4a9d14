"""One run of 20,000 events, read once, that all tests of the simulator look at."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from stream.simulator import SimulatedEvent, Simulation, Truth

START = datetime(2026, 1, 5, tzinfo=UTC)


def occurred_s(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["occurred_at"]).timestamp()


@dataclass(frozen=True)
class Run:
    events: list[SimulatedEvent]
    truth: Truth
    most_active_leads: int

    def proper(self) -> list[dict[str, Any]]:
        """Return the parsed events without damage or repetition, in order of event time."""
        events = [orjson.loads(e.value) for e in self.events if e.flaw in {None, "late"}]
        return sorted(events, key=occurred_s)


@pytest.fixture(scope="package")
def run() -> Run:
    simulation = Simulation(events=20_000, seed=1, start=START)
    events, most = [], 0
    for event in simulation:
        events.append(event)
        most = max(most, simulation.active_leads)
    return Run(events, simulation.truth, most)
