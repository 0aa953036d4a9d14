"""Records as files: each once, whenever the run dies, and the same files whoever writes them."""

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from schemas import topics
from stream import warehouse
from stream.lead.routing import Router
from stream.settings import Settings
from stream.warehouse import Exported, PartitionExport
from stream.warehouse_folder import WarehouseFolder

EXAMPLES = topics.TRAINING_EXAMPLES


class Record(NamedTuple):
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()
    timestamp: int = 1_772_600_000_000


class DiedError(BaseException):
    """A process that is killed."""


def milestone(number: int) -> Record:
    """Return a milestone of one of two types, or what is none; days and types take turns."""
    at = f"2026-03-0{1 + number // 3 % 3}T23:30:00-01:00"
    body: dict[str, Any] = {"type": "lead_entered", "occurred_at": at, "source": f"s{number}"}
    if number % 4 == 1:
        body = {"type": "lead_answered", "occurred_at": at, "response_s": float(number)}
    if number % 7 == 5:
        body = {"type": "training_example"}
    return Record(number * 2, orjson.dumps(body))  # as with marks of transactions between them


def run(
    path: Path,
    records: Sequence[Record],
    topic: topics.Topic = EXAMPLES,
    batch: int = 4,
    router: Router | None = None,
) -> Exported:
    """Export what has come since, as ``export`` does."""
    exported = Exported()
    with WarehouseFolder(path) as folder:
        progress = folder.progress(topic.name, topic.name)
        start = progress.next_offsets.get(0, 0)
        writer = PartitionExport(folder, topic, 0, progress, exported, router)
        left = [record for record in records if record.offset >= start]
        for first in range(0, len(left), batch):
            writer.take(left[first : first + batch])
        writer.finish(records[-1].offset + 1)
    return exported


def rows(path: Path, table: str) -> list[dict[str, Any]]:
    if not (path / table).exists():
        return []
    found: list[dict[str, Any]] = (
        ds.dataset(path / table, partitioning="hive").to_table().to_pylist()
    )
    return found


def files(path: Path) -> dict[str, bytes]:
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*.parquet")}


def offsets(path: Path) -> Counter[int]:
    tables = ("lead_entered", "lead_answered")
    return Counter(row["kafka_offset"] for table in tables for row in rows(path, table))


def expected(records: Sequence[Record]) -> Counter[int]:
    return Counter(r.offset for r in records if b"training_example" not in (r.value or b""))


LOG = [milestone(number) for number in range(40)]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "MAX_ROWS", 6)
    monkeypatch.setattr(os, "fsync", lambda _: None)  # power stays on


def test_rows_lie_by_table_and_day_in_utc(tmp_path: Path) -> None:
    exported = run(tmp_path, LOG)
    assert offsets(tmp_path) == expected(LOG)
    assert exported.rows.total() == expected(LOG).total()
    assert not exported.unreadable.total()
    for row in rows(tmp_path, "lead_entered"):
        assert row["day"] == row["occurred_at"].date().isoformat()
        assert row["source"] == f"s{row['kafka_offset'] // 2}"
        assert row["kafka_partition"] == 0


def test_a_second_run_writes_what_has_come_since_and_touches_nothing(tmp_path: Path) -> None:
    run(tmp_path, LOG[:17])
    first = files(tmp_path)
    run(tmp_path, LOG[:17])
    assert files(tmp_path) == first
    run(tmp_path, LOG[15:])  # retention has deleted the older ones
    assert first.items() <= files(tmp_path).items()
    assert offsets(tmp_path) == expected(LOG)


def test_files_do_not_depend_on_how_records_came(tmp_path: Path) -> None:
    run(tmp_path / "a", LOG, batch=1)
    run(tmp_path / "b", LOG, batch=100)
    assert files(tmp_path / "a") == files(tmp_path / "b") != {}


def test_a_step_ends_at_so_many_rows_or_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path / "rows", LOG)
    monkeypatch.setattr(warehouse, "MAX_ROWS", 1000)
    run(tmp_path / "one", LOG)
    monkeypatch.setattr(warehouse, "MAX_BYTES", 200)
    run(tmp_path / "bytes", LOG)
    assert len(files(tmp_path / "one")) == 6  # two tables, three days
    assert len(files(tmp_path / "rows")) > 6
    assert len(files(tmp_path / "bytes")) > 6


@pytest.mark.parametrize("grows", [False, True])
def test_a_run_that_dies_anywhere_is_healed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grows: bool
) -> None:
    replace, left = Path.replace, 0

    def count() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise DiedError

    def counted_replace(path: Path, target: Path) -> Path:
        count()
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", lambda _: count())
    monkeypatch.setattr(Path, "replace", counted_replace)
    died = 0
    log = LOG[:11]  # its 8th and 9th are of one table and day: a file that grows has another name
    run(tmp_path / "calm", log)
    for steps in range(1, 1000):
        path = tmp_path / str(steps)
        left = steps
        try:
            run(path, log[:8] if grows else log)
        except DiedError:
            died += 1
            # What is there is right at once, only not complete.
            assert offsets(path) <= expected(log)
            left = 1 + steps % 5  # the next one dies, too, most likely while it heals
            with suppress(DiedError):
                run(path, log)
        else:
            break
        left = 0
        run(path, log)
        assert offsets(path) == expected(log)
        assert not list((path / "_progress" / "aside").iterdir())
        if not grows:
            assert files(path) == files(tmp_path / "calm")
    assert died > 30


@given(cuts=st.lists(st.integers(1, len(LOG)), max_size=5))
@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_runs_in_any_number_hold_each_record_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    path = tmp_path_factory.mktemp("runs")
    for cut in [*sorted(cuts), len(LOG)]:
        run(path, LOG[:cut])
    assert offsets(path) == expected(LOG)


def test_what_is_no_message_is_counted_and_passed_over(tmp_path: Path) -> None:
    entered = {"type": "lead_entered", "occurred_at": "2026-03-01T00:00:00Z", "source": "s"}
    values = [
        b"",
        None,
        b"{",
        b"[1]",
        b'{"type": "of_tomorrow"}',
        b'{"type": ["lead_entered"]}',
        b'{"type": "lead_entered"}',
        orjson.dumps(entered | {"occurred_at": "0001-01-01T00:00:00+10:00"}),
        orjson.dumps(entered),
    ]
    exported = run(tmp_path, [Record(n, value) for n, value in enumerate(values)])
    assert exported.unreadable == {EXAMPLES.name: 8}
    assert [row["kafka_offset"] for row in rows(tmp_path, "lead_entered")] == [8]


def test_a_dead_letter_leaves_what_is_sealed_behind(tmp_path: Path) -> None:
    letter = {
        **{"type": "dead_letter", "topic": "costs", "partition": 1, "offset": 2, "stage": "route"},
        **{"reason": "bad_value", "field": None, "message": "m", "sealed": "c2VjcmV0"},
        "received_at": "2026-03-01T12:00:00Z",
    }
    record = Record(0, orjson.dumps(letter), [("ce_id", b"id-1")])
    run(tmp_path, [record], topics.DEAD_LETTERS)
    (row,) = rows(tmp_path, "dead_letters")
    assert "sealed" not in row
    assert not any(b"c2VjcmV0" in content for content in files(tmp_path).values())
    assert (row["day"], row["ce_id"], row["reason"]) == ("2026-03-01", "id-1", "bad_value")


def test_inputs_are_as_the_log_has_them(tmp_path: Path) -> None:
    settings = Settings(email_key="a key for tests")
    router = Router(settings.email_key.get_secret_value().encode(), settings.sealer())
    result = {
        **{"type": "action_result", "event_id": "e", "occurred_at": "2026-03-01T12:00:00Z"},
        **{"lead_id": "jane@example.com", "trigger_id": "t", "status": "failed"},
        "reason": "jane@example.com bounced",
    }
    records = [
        Record(0, orjson.dumps(result), [("ce_id", None)]),
        Record(1, orjson.dumps(result | {"lead_id": "null"})),  # refused, as by route
        Record(2, orjson.dumps(result | {"occurred_at": "2036-03-01T12:00:00Z"})),
    ]
    exported = run(tmp_path, records, topics.NURTURE_FEEDBACK, router=router)
    (row,) = rows(tmp_path, "nurture_feedback")
    assert row["lead_id"].startswith("email:")
    assert "jane" not in row["reason"]
    assert exported.unreadable == {topics.NURTURE_FEEDBACK.name: 2}


def test_an_amount_beyond_64_bits_stops_nobody(tmp_path: Path) -> None:
    cost = {
        **{"type": "cost", "event_id": "e", "occurred_at": "2026-03-01T12:00:00Z"},
        **{"amount_minor": 5, "currency": "EUR", "period": "2026-03"},
    }
    huge = orjson.dumps(cost).replace(b":5,", b":%d," % 10**30)
    exported = run(tmp_path, [Record(0, huge), Record(1, orjson.dumps(cost))], topics.COSTS)
    assert [row["amount_minor"] for row in rows(tmp_path, "costs")] == [5]
    assert (exported.rows["costs"], exported.unreadable[topics.COSTS.name]) == (1, 1)
