"""Outputs and milestones as Parquet files, a table a type of message, each record once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, NamedTuple, get_args

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from aiokafka import TopicPartition

from schemas import topics
from schemas.base import Message
from schemas.costs import Cost
from schemas.dead_letters import DeadLetter
from schemas.feedback import ActionResult
from schemas.milestones import MILESTONES, SegmentSeen
from schemas.scores import ScoreChanged, SegmentChanged
from schemas.triggers import NurtureTriggered
from stream.kafka.clients import new_reader, partitions_of, read_batches
from stream.lead.outputs import Origin
from stream.lead.routing import Refusal, Router
from stream.report_sources import report_from_kafka
from stream.reports.catalogue import REPORTS
from stream.reports.report import date_of
from stream.settings import Settings
from stream.warehouse_folder import Progress, WarehouseError, WarehouseFolder
from stream.warehouse_schema import schema_of, table_of

MAX_ROWS = 100_000
MAX_BYTES = 64 << 20
"""A step is taken at so many rows, or so many bytes of their messages."""
_WHERE = (("ce_id", pa.string()), ("kafka_partition", pa.int32()), ("kafka_offset", pa.int64()))


class Table(NamedTuple):
    """A table: the messages of one type, where they are, which time their day is of."""

    name: str
    topic: topics.Topic
    model: type[Message]
    left_out: frozenset[str] = frozenset({"type"})
    moment: str = "occurred_at"

    @property
    def kind(self) -> str:
        """The ``type`` that its messages have."""
        return _kind(self.model)

    def schema(self) -> pa.Schema:
        """Return its columns: the message's, its CloudEvents id, and where the record stands."""
        schema = schema_of(self.model, self.left_out)
        for name, kind in _WHERE:
            schema = schema.append(pa.field(name, kind))
        return schema


_OF_ONE_LEAD = frozenset({"words", "vectors"})
"""What a lead wrote, and what it looked like: models alone learn of that."""


def _kind(model: type[Message]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


TABLES = (
    Table("lead_scores", topics.LEAD_SCORES, ScoreChanged),
    Table("segment_changes", topics.LEAD_SCORES, SegmentChanged),
    Table("nurture_triggers", topics.NURTURE_TRIGGERS, NurtureTriggered),
    Table(
        "dead_letters",
        topics.DEAD_LETTERS,
        DeadLetter,
        frozenset({"type", "sealed"}),
        "received_at",
    ),
    Table("costs", topics.COSTS, Cost, frozenset({"type", "context"})),
    Table(
        "nurture_feedback", topics.NURTURE_FEEDBACK, ActionResult, frozenset({"type", "context"})
    ),
    # Of what leads looked like, segment_changes has what it led to.
    *(
        Table(
            _kind(model),
            topics.TRAINING_EXAMPLES,
            model,
            frozenset({"type", *(_OF_ONE_LEAD & model.model_fields.keys())}),
        )
        for model in MILESTONES
        if model is not SegmentSeen
    ),
)
TOPICS = tuple(dict.fromkeys(table.topic for table in TABLES))


@dataclass(slots=True)
class Exported:
    """What an export wrote: rows by table.

    ``unreadable`` counts records by topic that are no messages of this release, or that ``route``
    refuses. ``missed_offsets`` counts by topic/partition what retention deleted between two
    exports.
    """

    rows: Counter[str] = field(default_factory=lambda: Counter({t.name: 0 for t in TABLES}))
    unreadable: Counter[str] = field(default_factory=Counter)
    missed_offsets: dict[str, int] = field(default_factory=dict)


class PartitionExport:
    """Writes the records of one partition, in their order.

    Memory holds at most a step. Where a step ends depends on the records alone, so whoever starts
    at the same offset writes the same files.

    Parameters
    ----------
    progress
        How far the topic was exported; it is moved on.
    router
        What makes of an input what the log makes of it; None for what leadstream wrote itself.
    """

    def __init__(
        self,
        folder: WarehouseFolder,
        topic: topics.Topic,
        partition: int,
        progress: Progress,
        exported: Exported,
        router: Router | None = None,
    ) -> None:
        self._folder = folder
        self._topic = topic
        self._partition = partition
        self._progress = progress
        self._exported = exported
        self._router = router
        self._tables = {table.kind: table for table in TABLES if table.topic is topic}
        self._schemas = {table.name: table.schema() for table in self._tables.values()}
        self._types = frozenset(topic.types())
        self._rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._parts: dict[tuple[str, str], list[pa.Table]] = {}
        self._held = self._held_bytes = 0
        self._next_offset = 0

    def take(self, records: Iterable[Any]) -> None:
        """Take in records as Kafka clients hand them out."""
        for record in records:
            self._next_offset = record.offset + 1
            try:
                self._add(record)
            except (ValueError, OverflowError, Refusal):
                self._exported.unreadable[self._topic.name] += 1
            if self._held >= MAX_ROWS or self._held_bytes >= MAX_BYTES:
                self._step()
        self._pack()

    def finish(self, end: int) -> None:
        """Write what is held; no more comes before the offset ``end``."""
        self._next_offset = max(self._next_offset, end)
        if self._progress.next_offsets.get(self._partition, 0) < self._next_offset:
            self._step()

    def _add(self, record: Any) -> None:
        value = record.value or b""
        body = orjson.loads(value)
        kind = str(body.get("type")) if isinstance(body, dict) else ""
        table = self._tables.get(kind)
        if table is None:
            if kind not in self._types:
                raise ValueError("no message of this topic")
            return
        if self._router is not None:
            origin = Origin(
                self._topic.name, self._partition, record.offset, record.timestamp / 1000
            )
            value = orjson.dumps(self._router.check(value, origin)[0])
        message = table.model.model_validate_json(value)
        day = getattr(message, table.moment).astimezone(UTC).date().isoformat()
        row = message.model_dump(exclude=set(table.left_out))
        ce_id = dict(record.headers).get("ce_id") or b""
        row["ce_id"] = ce_id.decode("utf-8", "replace") or None
        row["kafka_partition"] = self._partition
        row["kafka_offset"] = record.offset
        self._rows.setdefault((table.name, day), []).append(row)
        self._held += 1
        self._held_bytes += len(value)

    def _pack(self) -> None:
        """Make columns of rows, which take far less room."""
        for place, rows in self._rows.items():
            packed = table_of(rows, self._schemas[place[0]])
            if lost := len(rows) - packed.num_rows:
                self._exported.unreadable[self._topic.name] += lost
            self._exported.rows[place[0]] += packed.num_rows
            self._parts.setdefault(place, []).append(packed)
        self._rows.clear()

    def _step(self) -> None:
        self._pack()
        wholes = {place: pa.concat_tables(parts) for place, parts in sorted(self._parts.items())}
        with self._folder.writing():
            self._progress.files = [
                self._write(name, day, whole.combine_chunks())
                for (name, day), whole in wholes.items()
                if whole.num_rows
            ]
            self._progress.next_offsets[self._partition] = self._next_offset
            self._folder.step(self._topic.name, self._progress)
        self._parts.clear()
        self._held = self._held_bytes = 0

    def _write(self, name: str, day: str, table: pa.Table) -> str:
        offsets = table.column("kafka_offset")
        span = f"{offsets[0].as_py():012}-{offsets[-1].as_py():012}"
        file = f"{name}/day={day}/part-{self._partition:05}-{span}.parquet"
        pq.write_table(table, self._folder.aside(file), compression="zstd")
        return file


async def export(settings: Settings, path: Path) -> Exported:
    """Write what has come since the last export; the first writes all that Kafka still has.

    Raises
    ------
    WarehouseError
        If a topic is missing or is not the one exported before, or another export is writing.
    """
    exported = Exported()
    router = Router(
        settings.email_key.get_secret_value().encode(),
        settings.sealer(),
        replayed=settings.clock == "event",
        future_tolerance_s=settings.future_tolerance_s,
    )
    with WarehouseFolder(path) as folder:
        for topic in TOPICS:
            name = settings.topic(topic.name)
            progress = folder.progress(topic.name, name)
            checks = router if topic.direction == "input" else None
            for partition, (beginning, end) in (await _spans(settings, topic)).items():
                start = progress.next_offsets.get(partition, beginning)
                if start > end:
                    raise WarehouseError(
                        f"{name}/{partition} ends at {end}, and {path} has its records up to "
                        f"{start}: the topic was created anew; export into a new folder"
                    )
                if start < beginning:
                    exported.missed_offsets[f"{topic.name}/{partition}"] = beginning - start
                writer = PartitionExport(folder, topic, partition, progress, exported, checks)
                async for batch in read_batches(settings, name, partition, start):
                    writer.take(batch)
                writer.finish(end)
    return exported


async def write_reports(settings: Settings, path: Path, today: int) -> Sequence[str]:
    """Write the figures of each report as of now; return the files.

    Parameters
    ----------
    today
        The present day, counted from 1970-01-01.
    """
    files = []
    with WarehouseFolder(path) as folder:
        for name in REPORTS:
            figures = (await report_from_kafka(settings, name)).figures(today)
            file = f"reports/{name}/day={date_of(today)}.json"
            folder.replace(file, orjson.dumps(figures, option=orjson.OPT_INDENT_2))
            files.append(file)
    return files


async def _spans(settings: Settings, topic: topics.Topic) -> Mapping[int, tuple[int, int]]:
    """Return the offsets that each partition begins and ends at."""
    name = settings.topic(topic.name)
    reader = new_reader(settings)
    try:
        await reader.start()
        if name not in await reader.topics():
            raise WarehouseError(f"topic {name} is missing; run `leadstream topics`")
        partitions = await partitions_of(settings, topic)
        where = [TopicPartition(name, number) for number in range(partitions)]
        beginnings = await reader.beginning_offsets(where)
        ends = await reader.end_offsets(where)
    finally:
        await reader.stop()
    return {one.partition: (beginnings[one], ends[one]) for one in where}
