"""Which endpoints are disabled: every deliverer follows the topic ``webhook-endpoints``."""

from collections.abc import Callable
from datetime import datetime

import structlog
from aiokafka import TopicPartition
from pydantic import ValidationError

from schemas import topics
from schemas.webhooks import WebhookDisabled
from stream.kafka.clients import new_reader, read_latest
from stream.settings import Settings

log = structlog.get_logger(__name__)
WAIT_MS = 500


async def read_disabled(settings: Settings) -> dict[str, datetime]:
    """Return the endpoints that are disabled, and since when."""
    name = settings.topic(topics.WEBHOOK_ENDPOINTS.name)
    found = {}
    for key, value in (await read_latest(settings, name, 0)).items():
        disabled = _parsed(value)
        if disabled is not None:
            found[key.decode()] = disabled.disabled_at
    return found


class Standing:
    """The endpoints that are disabled, as of now.

    Parameters
    ----------
    on_change
        Called when one was disabled or enabled.
    """

    def __init__(self, settings: Settings, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._disabled: set[str] = set()

    def is_disabled(self, endpoint: str) -> bool:
        """Tell whether an endpoint is sent nothing."""
        return endpoint in self._disabled

    def disable(self, endpoint: str) -> None:
        """Note what this process itself has written."""
        self._disabled.add(endpoint)

    async def follow(self, when_read: Callable[[], None]) -> None:
        """Follow the topic for good; ``when_read`` is called once all that was there is known."""
        reader = new_reader(self._settings)
        where = TopicPartition(self._settings.topic(topics.WEBHOOK_ENDPOINTS.name), 0)
        await reader.start()
        try:
            end = (await reader.end_offsets([where]))[where]
            reader.assign([where])
            reader.seek(where, 0)
            is_read = False
            while True:
                if not is_read and await reader.position(where) >= end:
                    is_read = True
                    when_read()
                found = await reader.getmany(where, timeout_ms=WAIT_MS)
                for record in found.get(where, ()):
                    self._apply(record.key.decode(), record.value)
        finally:
            await reader.stop()

    def _apply(self, endpoint: str, value: bytes | None) -> None:
        if value is None:
            self._disabled.discard(endpoint)
        elif _parsed(value) is not None:
            self._disabled.add(endpoint)
        self._on_change()


def _parsed(value: bytes) -> WebhookDisabled | None:
    try:
        return WebhookDisabled.model_validate_json(value)
    except ValidationError:
        log.warning("a record of webhook-endpoints is none of this release, passed over")
        return None
