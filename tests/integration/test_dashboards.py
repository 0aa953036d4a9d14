"""Every query of every dashboard, asked of a Prometheus that scrapes a worker at work."""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest
import yaml
from outside_tools import prometheus_tool
from prometheus_process import PrometheusHandle, prometheus
from told_later import WHERE_SOMETHING_IS_WRONG, WHERE_THERE_IS_MORE_TO_TELL
from worker_process import feed, own_settings, workers

from stream.cli.run import SIMULATION_START
from stream.documentation import declared_metrics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.simulator import Simulation

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
RULES = [DEPLOY / "prometheus" / name for name in ("rules.yml", "slo.yml")]
EVENTS = 6_000
SAMPLES_S = 30.0
NAME = re.compile(r"\b(?:leadstream|process)[:_][a-z0-9_:]+")
RARE_VALUES = {'reason="do_not_disturb"'}
"""Label values that only a control group brings."""
LATER = {
    series
    for metric in declared_metrics()
    if metric.name.removesuffix("_total")
    in {n.removesuffix("_total") for n in WHERE_SOMETHING_IS_WRONG | WHERE_THERE_IS_MORE_TO_TELL}
    for series in metric.series
}
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(200)]


@dataclass(frozen=True)
class Query:
    """What a panel asks."""

    panel: str
    expression: str

    @property
    def names(self) -> set[str]:
        """The metrics that it names."""
        return set(NAME.findall(self.expression))

    @property
    def may_be_empty(self) -> bool:
        """Whether it asks for what a young deployment without troubles does not show."""
        return self.names <= LATER or any(value in self.expression for value in RARE_VALUES)


def queries() -> list[Query]:
    return [
        Query(
            f"{path.stem}: {panel['title']} {target['refId']}",
            target["expr"].replace("$__rate_interval", "20s"),
        )
        for path in DASHBOARDS
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
        for target in panel.get("targets", [])
    ]


@pytest.fixture(scope="module")
def watched(
    kafka: Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusHandle | None]:
    if not kafka.has_transactions:
        yield None  # `_transactions` skips or fails every test of this module
        return
    prometheus_tool("prometheus")
    folder = tmp_path_factory.mktemp("dashboards")
    settings = own_settings(kafka, late_grace_s=3e6)
    asyncio.run(ensure_topics(settings))
    with workers(settings, folder) as (worker,):
        target = worker.wait_until_up().removeprefix("http://")
        with prometheus(folder, [target], RULES) as asked:
            events = iter(Simulation(events=EVENTS, seed=5, start=SIMULATION_START))
            asyncio.run(feed(settings, islice(events, EVENTS // 2)))
            # A counter that is first seen at its end has not grown: rates would be 0.
            deadline = time.monotonic() + SAMPLES_S
            while not asked.has_answered('leadstream_events_total{role="route"}'):
                assert time.monotonic() < deadline
                time.sleep(0.2)
            asyncio.run(feed(settings, events))
            yield asked


def test_every_query_can_be_asked_and_has_an_answer(watched: PrometheusHandle) -> None:
    asked = queries()
    deadline, empty = time.monotonic() + SAMPLES_S, asked
    while empty and time.monotonic() < deadline:
        empty = [q for q in empty if not watched.has_answered(q.expression) and not q.may_be_empty]
        time.sleep(0.5)
    assert len(asked) > 40
    assert not empty, "\n".join(f"{q.panel}: {q.expression}" for q in empty)


def test_every_metric_of_a_dashboard_exists_or_is_known_to_come_later(
    watched: PrometheusHandle,
) -> None:
    named = set().union(*(query.names for query in queries()))
    there = set(watched.get("/api/v1/label/__name__/values"))
    assert named - there <= LATER, f"nobody exports {sorted(named - there - LATER)}"


def test_every_rule_is_loaded_and_can_be_evaluated_and_the_worker_is_seen(
    watched: PrometheusHandle,
) -> None:
    groups = watched.get("/api/v1/rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    written = [
        rule.get("alert") or rule["record"]
        for path in RULES
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    ]
    assert sorted(rule["name"] for rule in rules) == sorted(written)
    for rule in rules:
        assert rule["health"] != "err", f"{rule['name']}: {rule['lastError']}"
    firing = {alert["labels"]["alertname"] for alert in watched.get("/api/v1/alerts")["alerts"]}
    assert "LeadstreamWorkerDown" not in firing
