"""Small campaigns: whatever is killed, nothing is lost, doubled or other than the log says."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.campaign import Campaign, Options, Report
from faults.plan import WEIGHTS, plan_faults
from stream.kafka.brokers.broker import BrokerError
from stream.kafka.brokers.jvm import JvmKafka


@pytest.fixture(scope="module")
def brokers() -> Iterator[JvmKafka]:
    kafka = JvmKafka(3)
    try:
        kafka.start()
    except BrokerError as error:
        reason = f"no Apache Kafka on the JVM, and brokers are to be killed: {error}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"in CI no test may be skipped: {reason}")
        pytest.skip(reason)
    try:
        yield kafka
    finally:
        kafka.stop()


def _verify(report: Report) -> None:
    options = report.options
    summary = report.summary()
    print({k: v for k, v in summary.items() if k != "faults"})
    assert report.failures() == []
    assert report.kills.total() >= options.kills
    assert report.broker_kills == options.broker_kills
    assert report.rebalances.total() == options.rebalances
    assert report.verdict.events_applied > 0.9 * report.events_sent


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(900)
async def test_exactly_once_holds_under_kills_broker_loss_and_rebalances(
    brokers: JvmKafka, tmp_path: Path
) -> None:
    options = Options(seed=7, kills=10, broker_kills=3, rebalances=5, rate=80.0)
    report = await Campaign(brokers, options, tmp_path).run(print)
    _verify(report)
    assert report.verdict.duplicate_outputs == []
    assert report.leader_moves > 0


@pytest.mark.kafka
@pytest.mark.transactions
@pytest.mark.timeout(600)
async def test_at_least_once_loses_nothing_and_contradicts_itself_nowhere(
    brokers: JvmKafka, tmp_path: Path
) -> None:
    options = Options(
        seed=8, kills=4, broker_kills=1, rebalances=1, rate=80.0, delivery="at_least_once"
    )
    _verify(await Campaign(brokers, options, tmp_path).run(print))


def test_a_plan_has_every_kind_and_spreads_it() -> None:
    plan = plan_faults(kills=10, rebalances=5, seed=3)
    kinds = [fault.kind for fault in plan]
    assert set(kinds) == {*WEIGHTS, "rebalance"}
    assert kinds.count("rebalance") == 5
    assert "rebalance" in kinds[:5]
    assert "rebalance" in kinds[-5:]
    assert plan == plan_faults(kills=10, rebalances=5, seed=3)
