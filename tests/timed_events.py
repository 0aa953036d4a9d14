"""Events of leads into a running Kafka, a second of their own time after each other."""

from typing import Any

import orjson

from schemas import topics
from stream.kafka.feeder import Feeder
from stream.lead.outputs import rfc3339


class TimedEvents:
    """What sends them; of a lead each type once, since its id is made of these."""

    def __init__(self, feeder: Feeder, start_s: float) -> None:
        self._feeder = feeder
        self._now_s = start_s

    async def send(self, topic: topics.Topic, kind: str, lead: str, **fields: Any) -> None:
        self._now_s += 1.0
        event = {
            "type": kind,
            "event_id": f"{kind}-{lead}",
            "occurred_at": rfc3339(self._now_s),
            "lead_id": lead,
            **fields,
        }
        await self._feeder.send(topic.name, lead.encode(), orjson.dumps(event), self._now_s)
