"""The learner's process and values of deals: served from 20 on, gone on with after a crash."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from checks import models
from checks.verdict import Verdict
from learner_process import Kafka, learner_of

from schemas import topics
from schemas.milestones import JourneyEnded
from stream import metrics
from stream.models import DEAL_VALUE
from stream.settings import Settings

AT = datetime(2026, 1, 5, tzinfo=UTC)


def deals(count: int, value_minor: int = 1_000_000) -> list[Any]:
    """Return records of deals; those of the plan "team" are worth ten times as much."""
    found = []
    for offset in range(count):
        plan = ("team", "single")[offset % 2]
        worth = (value_minor, value_minor // 10)[offset % 2] + 1_000 * (offset % 7)
        won = JourneyEnded(
            result="won", entered_at=AT, source="email", occurred_at=AT, value_minor=worth,
            currency="EUR", vectors=({"attribute:plan": plan},),
        )  # fmt: skip
        value = won.model_dump_json().encode()
        found.append(SimpleNamespace(value=value, offset=offset, timestamp=0))
    return found


async def test_it_serves_from_20_deals_on(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    found = deals(20)
    await worker.process(found[:19])
    assert kafka.store.serving(DEAL_VALUE) is None
    await worker.process(found[19:])
    version = kafka.store.serving(DEAL_VALUE)
    assert version == "bayesian_regression-20"
    served = kafka.store.deal_value(version)
    assert served is not None
    assert served.deals == 20
    assert served.predict_one({"attribute:plan": "team"}).expected_minor > 0.0
    assert metrics.REGISTRY.get_sample_value("leadstream_deals_learned") == 20.0


async def test_after_a_crash_it_goes_on_as_if_there_had_been_none(monkeypatch):
    found = deals(80)
    whole, crashed = Kafka([]), Kafka([])
    await (await learner_of(whole, monkeypatch)).process(found)
    version = whole.store.serving(DEAL_VALUE)
    assert version == "bayesian_regression-80"
    first = await learner_of(crashed, monkeypatch)
    await first.process(found[:30])
    await first.pause()
    crashed.examples = found[:60]
    second = await learner_of(crashed, monkeypatch)
    await second.process(found[50:])
    assert crashed.store.serving(DEAL_VALUE) == version
    key = f"{DEAL_VALUE}/{version}".encode()
    assert crashed.snapshots[key] == whole.snapshots[key]


async def test_a_deal_with_what_is_not_a_number_stops_nobody(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    found = deals(21)
    broken = found[3].value.replace(b'"attribute:plan"', b'"points":NaN,"attribute:plan"')
    found[3] = SimpleNamespace(value=broken, offset=3, timestamp=0)
    await worker.process(found)
    served = kafka.store.deal_value("bayesian_regression-21")
    assert served is not None
    assert served.deals == 20
    assert worker._next_offset() == 21


async def test_each_version_is_what_its_deals_teach(monkeypatch):
    """By the very check that runs of a whole pipeline end with."""
    found, kafka = deals(60), Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    for number in range(0, 60, 5):
        await worker.process(found[number : number + 5])
    published = [SimpleNamespace(key=key, value=value) for key, value in kafka.snapshots.items()]
    assert sum(row.key.startswith(b"deal_value/bayesian") for row in published) > 5

    async def records_of(_: Any, topic: topics.Topic) -> list[Any]:
        return {topics.MODEL_SNAPSHOTS.name: published}.get(topic.name, found)

    monkeypatch.setattr(models, "records_of", records_of)
    verdict = Verdict()
    await models.check_models(Settings(), verdict)
    assert verdict.state_mismatches == verdict.conflicting_outputs == []
    published[-2].value = published[-2].value.replace(b'"deals":', b'"deals":1')
    assert b"deal_value/bayesian" in published[-2].key
    await models.check_models(Settings(), verdict)
    assert verdict.state_mismatches != []
