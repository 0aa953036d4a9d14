"""What a check finds, and how it reads."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from schemas import topics
from stream.kafka.clients import read_all
from stream.settings import Settings


@dataclass
class Verdict:
    """What was counted, and in words each thing that is not as it must be."""

    events_in: int = 0
    events_applied: int = 0
    events_refused: int = 0
    events_of_no_lead: int = 0
    outputs: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicate_outputs: list[str] = field(default_factory=list)
    conflicting_outputs: list[str] = field(default_factory=list)
    state_mismatches: list[str] = field(default_factory=list)
    repeated_in_log: int = 0
    repeated_letters: int = 0
    letters_of_two_contents: int = 0

    def faults(self, delivery: str) -> list[str]:
        """Return everything that the delivery guarantee rules out."""
        twice = self.duplicate_outputs if delivery == "exactly_once" else []
        return [*self.lost, *twice, *self.conflicting_outputs, *self.state_mismatches]


async def records_of(settings: Settings, topic: topics.Topic) -> list[Any]:
    """Return all committed records of a topic, by partition and offset."""
    name = settings.topic(topic.name)
    # At once: most of a short reading is waiting for answers.
    partitions = await asyncio.gather(
        *(read_all(settings, name, n) for n in range(topic.partitions or settings.partitions))
    )
    return [record for partition in partitions for record in partition]


def short(content: Any) -> str:
    """Return a record, a pair or a value in few words."""
    text = repr((content.key, content.value) if hasattr(content, "value") else content)
    return text if len(text) <= 400 else f"{text[:400]}…"
