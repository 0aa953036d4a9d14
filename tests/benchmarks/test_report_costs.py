"""What reports cost the learner: milestones a second by report, examples a second with all on."""

import time
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from learner_process import Kafka, learner_of

from schemas import topics
from schemas.milestones import InflowCounted, Milestone
from stream.lead.learner import decoded
from stream.lead.outputs import Output
from stream.offline import OfflineStream
from stream.reports.catalogue import REPORTS
from stream.reports.learner import ReportLearner
from stream.reports.report import Terms
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS = 12_000
MOST_CPU_S_A_MILESTONE = 0.005
MOST_SLOWER = 2.0


class Recorded(OfflineStream):
    """One that keeps what is taught."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.taught: list[Output] = []

    def _learn(self, value: bytes) -> None:
        self.taught.append(Output(topics.TRAINING_EXAMPLES.name, b"", value, []))
        super()._learn(value)


@pytest.fixture(scope="module")
def taught() -> list[bytes]:
    """Return what the learner is sent of a quarter of a year of simulated leads."""
    settings = Settings()
    stream = Recorded(settings.house(), b"a key", time.time())
    for event in Simulation(events=EVENTS, seed=4, start=datetime(2026, 1, 5, tzinfo=UTC)):
        stream.feed(event.topic, event.value, event.key)
    return [output.value or b"" for output in stream.taught]


@pytest.mark.parametrize("name", REPORTS)
def test_a_milestone_costs_a_report_little(name, taught):
    found = [one for one in map(decoded, taught) if isinstance(one, Milestone)]
    learner = ReportLearner(name, Terms("EUR"))
    started_s = time.process_time()
    for offset, milestone in enumerate(found):
        learner.learn(milestone, offset)
    took_s = time.process_time() - started_s
    of_leads = sum(not isinstance(one, InflowCounted) for one in found)
    size = len(learner.checkpoint().value or b"")
    print(
        f"{name}: {len(found) / took_s:,.0f} milestones a CPU-second ({of_leads:,} of leads, the "
        f"others minutes), checkpoint {size / 1_000:,.0f} kB"
    )
    assert took_s / len(found) < MOST_CPU_S_A_MILESTONE


async def test_with_all_reports_on_the_learner_learns_at_half_its_speed_at_least(
    taught, monkeypatch
):
    # Live, the records of minutes come one a minute: replayed, they would be nearly all there is.
    of_leads = [value for value in taught if not value.startswith(b'{"type":"inflow_counted"')]
    rows = [
        SimpleNamespace(value=value, offset=offset, timestamp=0)
        for offset, value in enumerate(of_leads)
    ]
    took_s = {}
    for reports in (False, True):
        worker = await learner_of(Kafka([]), monkeypatch, reports=reports, holdout_share=0.1)
        started_s = time.process_time()
        await worker.process(rows)
        took_s[reports] = time.process_time() - started_s
    rates = {on: len(rows) / seconds for on, seconds in took_s.items()}
    print(
        f"{len(rows):,} records: {rates[True]:,.0f} a CPU-second with reports, "
        f"{rates[False]:,.0f} without"
    )
    assert took_s[True] / took_s[False] < MOST_SLOWER
