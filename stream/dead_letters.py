"""Reading dead letters: which there are, which were sent again, and what one holds."""

import heapq
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from schemas import topics
from schemas.dead_letters import DeadLetter, DeadLetterReplayed
from stream.expected import ExpectedError
from stream.kafka.clients import partitions_of, read_batches
from stream.settings import Settings


class DeadLetterError(ExpectedError, RuntimeError):
    """Dead letters cannot be read or sent; the message says what to do."""


@dataclass(frozen=True)
class Selection:
    """Which letters are meant: all that meet every condition given."""

    ids: frozenset[str] = frozenset()
    reason: str | None = None
    topic: str | None = None
    since: datetime | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (not self.ids or letter.letter_id in self.ids)
            and (self.reason is None or letter.reason == self.reason)
            and (self.topic is None or letter.topic == self.topic)
            and (self.since is None or letter.received_at >= self.since)
        )


class LetterBox:
    """The dead letters of a Kafka, read partition by partition; few are held at a time.

    ``unreadable`` counts records that are no letters of this release.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.unreadable = 0

    async def letters(self, selection: Selection) -> AsyncIterator[DeadLetter]:
        """Yield the letters that are meant; after a crash of ``route`` one may come twice."""
        async for record in self._records(topics.DEAD_LETTERS):
            try:
                letter = DeadLetter.model_validate_json(record.value or b"")
            except ValidationError:
                self.unreadable += 1
                continue
            if selection.takes(letter):
                yield letter

    async def find(self, letter_id: str) -> DeadLetter:
        """Return one letter.

        Raises
        ------
        DeadLetterError
            If it is not there.
        """
        async for letter in self.letters(Selection(frozenset({letter_id}))):
            return letter
        raise DeadLetterError(
            f"no letter {letter_id!r}; ids are TOPIC/PARTITION/OFFSET, of webhooks with /ENDPOINT, "
            f"as `leadstream dead-letters list` shows them, and letters are kept for {kept_days()} "
            "days"
        )

    async def replayed(self) -> set[str]:
        """Return the ids of the letters that were sent again."""
        marks = self._records(topics.DEAD_LETTER_REPLAYS)
        return {
            DeadLetterReplayed.model_validate_json(record.value).letter_id async for record in marks
        }

    async def listing(self, selection: Selection, limit: int) -> dict[str, Any]:
        """Return how many letters there are by reason, and the newest of them."""
        replayed = await self.replayed()
        counts: Counter[tuple[str, str, str]] = Counter()
        sent_again: Counter[tuple[str, str, str]] = Counter()
        newest: list[tuple[datetime, str, DeadLetter]] = []
        held: set[str] = set()
        async for letter in self.letters(selection):
            kind = (letter.topic, letter.stage, letter.reason)
            letter_id = letter.letter_id
            counts[kind] += 1
            sent_again[kind] += letter_id in replayed
            if letter_id in held:
                continue
            held.add(letter_id)
            heapq.heappush(newest, (letter.received_at, letter_id, letter))
            if len(newest) > limit:
                held.discard(heapq.heappop(newest)[1])
        return {
            "letters": counts.total(),
            "counts": [
                {
                    "topic": topic,
                    "stage": stage,
                    "reason": reason,
                    "letters": count,
                    "replayed": sent_again[topic, stage, reason],
                }
                for (topic, stage, reason), count in counts.most_common()
            ],
            "newest": [
                summary(letter, is_replayed=letter_id in replayed)
                for _, letter_id, letter in sorted(newest, reverse=True)
            ],
            "unreadable": self.unreadable,
        }

    async def _records(self, topic: topics.Topic) -> AsyncIterator[Any]:
        partitions = await partitions_of(self._settings, topic)
        name = self._settings.topic(topic.name)
        if not partitions:
            raise DeadLetterError(f"topic {name} is missing; run `leadstream topics`")
        for number in range(partitions):
            async for batch in read_batches(self._settings, name, number):
                for record in batch:
                    yield record


def summary(letter: DeadLetter, *, is_replayed: bool) -> dict[str, Any]:
    """Return what anyone may see of a letter."""
    return {
        "id": letter.letter_id,
        "stage": letter.stage,
        "reason": letter.reason,
        "field": letter.field,
        "message": letter.message,
        "received_at": letter.received_at,
        "replayed": is_replayed,
    }


def kept_days() -> int:
    """Return how many days letters are kept."""
    return (topics.DEAD_LETTERS.retention_s or 0) // topics.DAY_S
