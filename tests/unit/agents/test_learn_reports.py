"""The learner's process and reports: kept, served where they serve, told to Prometheus."""

import math
import threading
from datetime import UTC, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from learner_process import Kafka, learner_of

from schemas.milestones import (
    InflowCounted,
    Milestone,
    PurchaseHistory,
    PurchasesChanged,
    SegmentSeen,
)
from stream import metrics
from stream.agents import learned_reports
from stream.lead.worth import MODEL
from stream.reports.segments import SegmentsReport

START = datetime(2026, 1, 5, tzinfo=UTC)
START_DAY = int(START.timestamp() // 86_400)


def rows(milestones: list[Milestone]) -> list[Any]:
    return [
        SimpleNamespace(value=one.model_dump_json().encode(), offset=offset, timestamp=0)
        for offset, one in enumerate(milestones)
    ]


def purchases(customers: int = 120) -> list[Milestone]:
    random, found = Random(1), []
    for _ in range(customers):
        history: PurchaseHistory | None = None
        day = START_DAY + random.randrange(30)
        for _ in range(random.randrange(1, 5)):
            after = PurchaseHistory(
                purchases=1 + (history.purchases if history else 0),
                first_day=history.first_day if history else day,
                last_day=day,
                spend_minor=(history.spend_minor if history else 0) + random.randrange(500, 900),
            )
            found.append(
                PurchasesChanged(
                    before=(history,) if history else (), after=after, value_minor=500,
                    currency="EUR", occurred_at=START + timedelta(days=day - START_DAY),
                )
            )  # fmt: skip
            history, day = after, day + random.randrange(1, 40)
    return sorted(found, key=lambda one: one.occurred_at)


async def test_segments_are_searched_for_beside_the_loop_and_serve(monkeypatch):
    fit, threads = SegmentsReport.fit, []

    def noted(report: SegmentsReport) -> None:
        threads.append(threading.current_thread())
        fit(report)

    monkeypatch.setattr(SegmentsReport, "fit", noted)
    random, found = Random(1), []
    for number in range(120):
        pages = random.choice((("blog", "webinars"), ("pricing", "docs")))
        counts = {f"count:page_view:{page}": math.log1p(4.0) for page in pages}
        x = {"count:page_view": math.log1p(8.0), **counts}
        found.append(SegmentSeen(lead_hash=f"{number:032x}", x=x, occurred_at=START))
    kafka = Kafka([])
    await (await learner_of(kafka, monkeypatch)).process(rows(found))
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()
    version = kafka.store.serving(SegmentsReport.name)
    assert version is not None
    assert version.startswith("latent_classes-1")
    scorer = kafka.store.segments(version)
    assert scorer is not None
    assert set(scorer.names) == {"s1", "s2"}


async def test_lifetime_value_serves_and_goes_on_after_a_crash_as_if_there_had_been_none(
    monkeypatch,
):
    found = rows(purchases())
    whole, crashed = Kafka([]), Kafka([])
    await (await learner_of(whole, monkeypatch)).process(found)
    version = whole.store.serving(MODEL)
    assert version == f"bg_nbd-{len(found)}"
    served = whole.store.lifetime_value(version)
    assert served is not None
    assert served.predict_new_minor(365.0) > 500.0

    first = await learner_of(crashed, monkeypatch)
    await first.process(found[:150])
    await first.pause()
    crashed.examples = found[:180]
    second = await learner_of(crashed, monkeypatch)
    await second.process(found[170:])
    assert crashed.store.serving(MODEL) == version
    assert (
        crashed.snapshots[f"{MODEL}/{version}".encode()]
        == whole.snapshots[f"{MODEL}/{version}".encode()]
    )


class Counted(Kafka):
    """One that counts what reports write."""

    written = 0

    async def send(self, outputs: Any, *, next_offset: int | None) -> dict[Any, int]:
        for output in outputs:
            if output.key.startswith(b"report/lifetime_value"):
                self.written += len(output.value)
        return await super().send(outputs, next_offset=next_offset)


async def test_a_report_is_kept_as_often_as_its_size_allows(monkeypatch):
    kafka = Counted([])
    worker = await learner_of(kafka, monkeypatch)
    found = rows(purchases())
    for row in found:
        await worker.process([row])  # each asks the clock some times, and a second has passed
    elapsed_s = worker._clock()
    size = len(kafka.checkpoints[b"report/lifetime_value"].value)
    assert size < kafka.written <= learned_reports.BYTES_PER_S * elapsed_s + size
    before = kafka.written
    await worker.pause()
    assert kafka.written > before


async def test_one_milestone_that_contradicts_the_others_is_counted_and_passed_over(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    good = purchases()[:40]
    never = good[0].after.model_copy(update={"purchases": 9, "last_day": START_DAY})
    broken = good[0].model_copy(update={"after": never})
    labels = {"report": "lifetime_value"}
    name = "leadstream_milestones_refused_total"
    before = metrics.REGISTRY.get_sample_value(name, labels) or 0.0
    await worker.process(rows([*good[:20], broken, *good[20:]]))
    assert metrics.REGISTRY.get_sample_value(name, labels) == before + 1.0
    assert worker._next_offset() == 41


async def test_without_reports_nothing_is_learned_of_milestones(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch, reports=False)
    await worker.process(rows(purchases()))
    assert kafka.store.serving(MODEL) is None
    await worker.pause()
    assert not any(key.startswith(b"report/") for key in kafka.checkpoints)


async def test_a_form_that_broke_is_told_to_prometheus(monkeypatch):
    kafka = Kafka([])
    worker = await learner_of(kafka, monkeypatch)
    first = int(START.timestamp() // 60)
    hours = 24 * 7 * 3
    minutes = [
        InflowCounted(
            minute=first + number, counts={"form:contact": 3} if number < hours * 60 - 90 else {},
            is_live=True, occurred_at=START + timedelta(minutes=number + 1),
        )
        for number in range(hours * 60)
    ]  # fmt: skip
    await worker.process(rows(minutes))
    below = "leadstream_inflow_below_usual"
    assert metrics.REGISTRY.get_sample_value(below, {"series": "form:contact"}) == 1.0
    tomorrow = {"series": "lead", "bound": "mean"}
    assert metrics.REGISTRY.get_sample_value("leadstream_forecast_next_day", tomorrow) is not None
    worker._reports.withdraw()
    assert metrics.REGISTRY.get_sample_value(below, {"series": "form:contact"}) is None


@pytest.mark.parametrize("value", [b"{}", b'{"type": "lead_entered"}', orjson.dumps([1])])
async def test_what_is_no_milestone_is_passed_over_by_all(monkeypatch, value):
    worker = await learner_of(Kafka([]), monkeypatch)
    await worker.process([SimpleNamespace(value=value, offset=0, timestamp=0)])
    assert worker._next_offset() == 1
