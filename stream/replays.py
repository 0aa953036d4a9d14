"""Sending refused events again, repaired where they need it, and none of them twice."""

import time
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, KafkaConnectionError, KafkaError, ProducerFenced

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.dead_letters import DeadLetterError, LetterBox, Selection
from stream.kafka.authorization import DENIED
from stream.kafka.clients import new_producer, partition_of
from stream.kafka.transactions import ToSend, append, transact
from stream.lead.outputs import rfc3339
from stream.lead.sealing import SealError
from stream.logs import fault_of
from stream.repairs import Patch, Repaired, Workshop
from stream.settings import Settings

CHUNK_LETTERS = 100
CHUNK_BYTES = 1 << 20
"""What one transaction sends."""
SHOWN = 100


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
        If another replay took over meanwhile, or Kafka failed, where this can be run again.
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
    except (KafkaConnectionError, *DENIED):
        raise  # every command says the same of these
    except KafkaError as error:
        if not is_exact:
            raise
        raise DeadLetterError(
            f"the replay was cut short ({fault_of(error)}); run this again: what was sent already "
            "is passed over"
        ) from error
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
    not_found, queued = set(selection.ids), set[tuple[str, int]]()
    chunk: list[Repaired] = []
    chunk_bytes = 0
    async for letter in box.letters(selection):
        not_found.discard(letter.letter_id)
        # A repeat of route's own after a crash is the same; an event and its links are not.
        identity = letter.letter_id, hash(letter.sealed)
        if identity in queued:
            continue
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
        queued.add(identity)
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
            await transact(producer, [*events, *marks])
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
