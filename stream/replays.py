"""Sending refused events again, repaired where they need it, and none of them twice."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.dead_letters import DeadLetterError, LetterBox, Selection
from stream.event_files import topic_of
from stream.kafka.clients import new_producer, partition_of, read_all
from stream.kafka.transactions import ToSend, append
from stream.lead.outputs import Origin, encode_key, epoch_s, rfc3339
from stream.lead.partition import META_KEY, NEVER_TOO_LATE
from stream.lead.routing import Refusal, Router
from stream.lead.sealing import Contents, SealError
from stream.merge_patch import merged
from stream.settings import Settings
from stream.stored_states import partitions_of

CHUNK_LETTERS = 100
CHUNK_BYTES = 1 << 20
"""What one transaction sends."""
SHOWN = 100

Patch = Mapping[str, Any]


@dataclass(frozen=True)
class Repaired:
    """A letter's event as it would be sent again, or why it would be refused.

    ``records`` are topic (without prefix), partition of that topic or None for the key's, key and
    value.
    """

    letter: DeadLetter
    value: bytes
    is_patched: bool
    records: tuple[tuple[str, int | None, bytes | None, bytes], ...] = ()
    refusal: Refusal | None = None


@dataclass
class Report:
    """What a replay did. Of many letters the first are named."""

    sent: int = 0
    already_replayed: int = 0
    refused: int = 0
    first_sent: list[str] = field(default_factory=list)
    first_refused: list[dict[str, Any]] = field(default_factory=list)
    not_found: list[str] = field(default_factory=list)

    def refuse(self, letter: DeadLetter, reason: str, at: str | None, message: str) -> None:
        """Take note of a letter that is not sent."""
        self.refused += 1
        if len(self.first_refused) < SHOWN:
            self.first_refused.append(
                {"id": letter.letter_id, "reason": reason, "field": at, "message": message}
            )


class Workshop:
    """Opens letters, repairs what is in them, and says what would become of it.

    Parameters
    ----------
    clock
        The wall clock, epoch seconds.
    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._sealer = settings.sealer()
        self._router = Router(
            settings.email_key.get_secret_value().encode(),
            self._sealer,
            replayed=settings.clock == "event",
            future_tolerance_s=settings.future_tolerance_s,
        )
        self._log_partitions: int | None = None
        self._log_times_s: dict[int, float] = {}

    def open(self, letter: DeadLetter) -> Contents:
        """Return a letter's contents; raise SealError if its key is another."""
        return self._sealer.open(letter.sealed, letter.letter_id)

    async def repair(self, letter: DeadLetter, patch: Patch | None) -> Repaired:
        """Return a letter's event with a patch applied, and whether it would be accepted.

        What is not JSON counts as an empty object, as RFC 7396 says: the patch makes the event.
        """
        contents = self.open(letter)
        value = _unwrapped(contents.value) if letter.stage == "score" else contents.value
        if patch is not None:
            value = orjson.dumps(merged(_json(value), patch))
        is_patched = patch is not None
        if not contents.is_whole and not is_patched:
            cut = Refusal("too_large", None, "the letter does not hold all of it; give a patch")
            return Repaired(letter, value, is_patched, refusal=cut)
        try:
            records = await self._records(letter, contents.key, value)
        except Refusal as refusal:
            return Repaired(letter, value, is_patched, refusal=refusal)
        return Repaired(letter, value, is_patched, tuple(records))

    async def _records(
        self, letter: DeadLetter, key: bytes | None, value: bytes
    ) -> list[tuple[str, int | None, bytes | None, bytes]]:
        now_s = self._clock()
        if letter.stage == "score":
            # Its own topic may be one of ours, which carries events of every kind.
            origin = Origin(topic_of(value), letter.partition, letter.offset, now_s)
            forwards = self._router.forward(value, origin)
            await self._check_time(orjson.loads(value), forwards[0].key, now_s)
            return [(f.topic, None, f.key, f.value or b"") for f in forwards]
        origin = Origin(letter.topic, letter.partition, letter.offset, now_s)
        event, address = self._router.check(value, origin)
        if address is not None:
            await self._check_time(event, encode_key(address), now_s)
        return [(letter.topic, letter.partition, key, value)]

    async def _check_time(self, event: Mapping[str, Any], key: bytes, now_s: float) -> None:
        if event["type"] in NEVER_TOO_LATE:
            return
        if self._settings.clock == "event":
            now_s = await self._log_time_s(key)
        if epoch_s(event["occurred_at"]) < now_s - self._settings.late_grace_s:
            late = (
                f"more than {self._settings.late_grace_s:g} s late; patch occurred_at, or raise "
                "LEADSTREAM_LATE_GRACE_S of the workers and of this command"
            )
            raise Refusal(
                "too_late",
                "occurred_at",
                f"occurred_at is {late}",
                f"occurred_at {event['occurred_at']} is {late}",
            )

    async def _log_time_s(self, key: bytes) -> float:
        """Return the time of the log that a lead is in, which its replayed events have set."""
        if self._log_partitions is None:
            self._log_partitions = await partitions_of(self._settings, topics.LEAD_EVENTS)
        number = partition_of(key, self._log_partitions)
        if number not in self._log_times_s:
            self._log_times_s[number] = 0.0
            name = self._settings.topic(topics.LEAD_STATES.name)
            for record in await read_all(self._settings, name, number):
                if record.key == META_KEY and record.value is not None:
                    self._log_times_s[number] = float(orjson.loads(record.value)["now_s"])
        return self._log_times_s[number]


async def replay(
    settings: Settings,
    selection: Selection,
    patch: Patch | None = None,
    *,
    dry_run: bool = False,
) -> Report:
    """Send the events of letters again, each with the mark that it was, in one transaction.

    One producer at a time can do this, and marks are read once it is open: what a former run did
    is settled then, and a run that is still going on is shut out. On a Kafka without transactions
    the mark follows the event.

    Raises
    ------
    DeadLetterError
        If another replay took over meanwhile.
    """
    if dry_run:
        return await _replay(settings, selection, patch, None)
    is_exact = settings.delivery == "exactly_once"
    producer = new_producer(settings, f"{settings.app_id}-dead-letters" if is_exact else None)
    try:
        await producer.start()
        return await _replay(settings, selection, patch, producer)
    except (InvalidProducerEpoch, ProducerFenced):
        raise DeadLetterError(
            "another replay has taken over; when it is done run this again: what was sent already "
            "is passed over"
        ) from None
    finally:
        await producer.stop()


async def _replay(
    settings: Settings,
    selection: Selection,
    patch: Patch | None,
    producer: AIOKafkaProducer | None,
) -> Report:
    box, workshop, report = LetterBox(settings), Workshop(settings), Report()
    done = await box.replayed()
    not_found, queued = set(selection.ids), set[str]()
    chunk: list[Repaired] = []
    chunk_bytes = 0
    async for letter in box.letters(selection):
        not_found.discard(letter.letter_id)
        if letter.letter_id in queued:
            continue  # route's own repeat after a crash
        if letter.letter_id in done:
            report.already_replayed += 1
            continue
        try:
            repaired = await workshop.repair(letter, patch)
        except SealError as error:
            report.refuse(letter, "sealed", None, str(error))
            continue
        if repaired.refusal is not None:
            refusal = repaired.refusal
            message = refusal.detail or refusal.message
            report.refuse(letter, refusal.reason, refusal.field, message)
            continue
        queued.add(letter.letter_id)
        chunk.append(repaired)
        chunk_bytes += len(repaired.value)
        if len(chunk) >= CHUNK_LETTERS or chunk_bytes >= CHUNK_BYTES:
            await _send(settings, producer, chunk, report)
            chunk, chunk_bytes = [], 0
    await _send(settings, producer, chunk, report)
    report.not_found = sorted(not_found)
    return report


async def _send(
    settings: Settings,
    producer: AIOKafkaProducer | None,
    chunk: list[Repaired],
    report: Report,
) -> None:
    if producer is not None and chunk:
        events = [r for repaired in chunk for r in await _addressed(settings, producer, repaired)]
        marks = [_mark(settings, repaired) for repaired in chunk]
        if settings.delivery == "exactly_once":
            async with producer.transaction():
                await append(producer, [*events, *marks])
        else:
            await append(producer, events)
            await append(producer, marks)
    report.sent += len(chunk)
    room = SHOWN - len(report.first_sent)
    report.first_sent += [repaired.letter.letter_id for repaired in chunk[:room]]


async def _addressed(
    settings: Settings, producer: AIOKafkaProducer, repaired: Repaired
) -> list[ToSend]:
    records: list[ToSend] = []
    for topic, wanted, key, value in repaired.records:
        name = settings.topic(topic)
        partitions = len(await producer.partitions_for(name))
        number = partition_of(key or b"", partitions) if wanted is None else wanted % partitions
        records.append((name, number, key, value, []))
    return records


def _mark(settings: Settings, repaired: Repaired) -> ToSend:
    letter_id = repaired.letter.letter_id
    body = {
        "type": "dead_letter_replayed",
        "letter_id": letter_id,
        "replayed_at": rfc3339(time.time()),
        "patched": repaired.is_patched,
    }
    name = settings.topic(topics.DEAD_LETTER_REPLAYS.name)
    return name, 0, letter_id.encode(), orjson.dumps(body), []


def _unwrapped(value: bytes) -> bytes:
    """Return the event of a log record, also where it was on its way to another lead."""
    event = _json(value)
    if isinstance(event, dict) and event.get("type") == "forwarded":
        return orjson.dumps(event["event"])
    return value


def _json(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
