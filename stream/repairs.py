"""Opening refused events, repairing them, and saying what would become of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.event_files import topic_of
from stream.kafka.clients import partition_of, partitions_of, read_batches
from stream.lead.outputs import Origin, decode_key, encode_key, epoch_s, forwarded
from stream.lead.partition import NEVER_TOO_LATE
from stream.lead.progress import META_KEY
from stream.lead.routing import Refusal, Router
from stream.lead.sealing import Contents
from stream.lead.stored_form import decode_document
from stream.lead.text_reading import TEXT_READING
from stream.merge_patch import merged
from stream.settings import Settings
from stream.webhooks.deliveries import anew

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
            reader=settings.text_reader(),
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
        is_own = letter.stage == "deliver" or _own_record(contents.key, value) is not None
        if patch is not None and is_own:
            own = Refusal("unknown_type", "type", "a record of leadstream's own takes no patch")
            return Repaired(letter, value, is_patched=False, refusal=own)
        if patch is not None:
            event = merged(_json(value), patch)
            event.pop(TEXT_READING, None)  # what the text says now is read anew
            value = orjson.dumps(event)
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
        if letter.stage == "deliver":
            delivery = anew(value, now_s)
            number = delivery.source.partition
            return [(topics.WEBHOOK_DELIVERIES.name, number, delivery.key, delivery.stored())]
        if letter.stage == "score":
            if (own := _own_record(key, value)) is not None:
                return [own]
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
            async for batch in read_batches(self._settings, name, number):
                for record in batch:
                    if record.key == META_KEY and record.value is not None:
                        now_s = float(decode_document(record.value)["now_s"])
                        self._log_times_s[number] = now_s
        return self._log_times_s[number]


def _unwrapped(value: bytes) -> bytes:
    """Return the event of a log record, also where it was on its way to another lead."""
    event = _json(value)
    if isinstance(event, dict) and event.get("type") == "forwarded":
        return orjson.dumps(event["event"])
    return value


def _own_record(
    key: bytes | None, value: bytes
) -> tuple[str, int | None, bytes | None, bytes] | None:
    """Return what sends a link or a history on its way again, which the fold failed at."""
    record = _json(value)
    kind = record.get("type") if isinstance(record, dict) else None
    if kind == "link":
        return topics.LEAD_FORWARDS.name, None, key, forwarded(decode_key(key), record).value or b""
    if kind == "lead_moved":
        return topics.LEAD_FORWARDS.name, None, key, value
    return None


def _json(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
