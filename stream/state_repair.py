"""Stored states put right from outside the workers: check, rebuild from the log, carry over."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from schemas import topics
from stream.kafka.clients import beginning_offset, partitions_of, read_batches
from stream.kafka.snapshots import read_snapshots
from stream.kafka.transactions import PartitionProducer, ToSend
from stream.lead.erasure import ERASED_PREFIX
from stream.lead.house import House
from stream.lead.outputs import Output
from stream.lead.partition import Partition
from stream.lead.progress import META_KEY
from stream.lead.state import SCHEMA_VERSION, StateFormatError
from stream.lead.stored_form import (
    decode_document,
    decode_state,
    encode_row,
    encode_state,
    offset_of,
    read_row,
)
from stream.lead.stored_state import check_meta, check_state
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.stored_states import latest_states

RECORDS_AT_ONCE = 1_000


@dataclass(frozen=True)
class StateFault:
    """A changelog record that cannot be read; ``lead_id`` is None for the partition's own."""

    partition: int
    lead_id: str | None
    fault: str


class LogCutError(StateFormatError):
    """The log does not reach back far enough to rebuild what is broken."""


async def check_states(settings: Settings) -> tuple[int, list[StateFault]]:
    """Return how many states can be read, and each record that cannot."""
    readable, faults = 0, []
    for number in range(await partitions_of(settings, topics.LEAD_STATES)):
        for key, value in (await latest_states(settings, number)).items():
            try:
                row = read_row(value)
                if key == META_KEY:
                    check_meta(row.body)
                elif key.startswith(ERASED_PREFIX):
                    continue
                else:
                    state = decode_state(value)
                    check_state(orjson.dumps(state.to_json()))
                    readable += 1
            except StateFormatError as error:
                lead_id = None if key == META_KEY else key.decode("utf-8", "surrogateescape")
                faults.append(StateFault(number, lead_id, str(error)))
    return readable, faults


async def fold_log(
    settings: Settings,
    number: int,
    house: House,
    store: SnapshotStore,
    until: int | None = None,
    *,
    partial: bool = False,
) -> tuple[Partition, list[Output]]:
    """Fold a partition's log without a worker; return its states and its outputs.

    Parameters
    ----------
    until
        The offset to stop before; by default the log's end.
    partial
        Take what is left of a log that retention has cut.

    Raises
    ------
    LogCutError
        If the log no longer begins at its beginning, so that states would lack what is gone.
    """
    partitions = await partitions_of(settings, topics.LEAD_EVENTS)
    partition = Partition(house, store, number=number, partitions=partitions)
    outputs: list[Output] = []
    name = settings.topic(topics.LEAD_EVENTS.name)
    # Not the first record's: what was aborted is in no batch.
    begins = await beginning_offset(settings, name, number)
    if begins > 0 and not partial:
        raise LogCutError(
            f"the log of partition {number} begins at offset {begins}: retention has removed what "
            "came before; `leadstream state repair --partial` rebuilds leads from what is left, "
            "or restore their records from a backup"
        )
    async for records in read_batches(settings, name, number):
        for record in records:
            if until is None or record.offset < until:
                batch = partition.fold([record])
                partition.changelog(batch)
                partition.committed()
                outputs += batch.outputs
    return partition, outputs


async def repair_states(
    settings: Settings, faults: list[StateFault], *, partial: bool = False
) -> list[StateFault]:
    """Rebuild what is broken from the log, up to where the partition was; return what was.

    Workers must be stopped; starting the partition's transactional producer shuts out one that
    is not. Where the partition's own record is broken, all of its states are written anew.
    """
    house, store = settings.house(), SnapshotStore()
    await read_snapshots(settings, store)
    for number in sorted({fault.partition for fault in faults}):
        mine = [fault for fault in faults if fault.partition == number]
        whole = any(fault.lead_id is None for fault in mine)
        until = None
        if not whole:
            # A state further on than its partition would pass over events that are still to come.
            stored = await latest_states(settings, number)
            until = offset_of(stored[META_KEY]) if META_KEY in stored else None
        partition, _ = await fold_log(settings, number, house, store, until, partial=partial)
        rows: dict[bytes, bytes | None] = dict(partition.states.stored())
        if not whole:
            broken = [(f.lead_id or "").encode("utf-8", "surrogateescape") for f in mine]
            rows = {key: rows.get(key) for key in broken}
        await _write(settings, number, rows.items())
    return faults


async def migrate_states(settings: Settings) -> int:
    """Write the states of earlier schemas anew in this one's; return how many there were.

    What cannot be read is left as it is. Run again after a crash, it goes on with what is left.
    """
    migrated = 0
    for number in range(await partitions_of(settings, topics.LEAD_STATES)):
        rows: list[tuple[bytes, bytes | None]] = []
        for key, value in (await latest_states(settings, number)).items():
            try:
                if read_row(value).version == SCHEMA_VERSION:
                    continue
                if key == META_KEY:
                    document = decode_document(value)
                    rows.append((key, encode_row(document, None, document["next_offset"])))
                else:
                    rows.append((key, encode_state(decode_state(value))))
                    migrated += 1
            except StateFormatError:
                continue
        if rows:
            await _write(settings, number, rows)
    return migrated


async def _write(
    settings: Settings, number: int, rows: Iterable[tuple[bytes, bytes | None]]
) -> None:
    name = settings.topic(topics.LEAD_STATES.name)
    records: list[ToSend] = [(name, number, key, value, []) for key, value in rows]
    producer = PartitionProducer(
        settings, settings.topic(topics.LEAD_EVENTS.name), number, NoCommits()
    )
    await producer.open()
    try:
        for first in range(0, len(records), RECORDS_AT_ONCE):
            await producer.send((), records[first : first + RECORDS_AT_ONCE])
    finally:
        await producer.close()


class NoCommits:
    """For producers that move no input offsets."""

    def end_if_frozen(self) -> None:
        """Do nothing: commands own no partitions."""

    def note_offset(self, topic: str, partition: int, offset: int) -> None:
        """Refuse: there is none to move."""
        raise NotImplementedError("nothing is consumed here")
