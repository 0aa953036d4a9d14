"""The snapshot topic: every process reads all of it, and keeps up with it."""

import asyncio
import time
from typing import Any

import structlog
from aiokafka import TopicPartition

from schemas import topics
from stream import metrics
from stream.kafka.clients import new_reader, read_all
from stream.lead.signature import is_genuine
from stream.lead.versions import offset_of
from stream.logs import fault_of
from stream.models import P_CONVERT, SnapshotStore, count_refused
from stream.settings import Settings

log = structlog.get_logger(__name__)


def is_admitted(settings: Settings, topic: topics.Topic, record: Any) -> bool:
    """Tell whether a record of a model may be looked into: not too large, and signed by us.

    What is not is counted and logged.
    """
    key = (record.key or b"").decode("utf-8", "replace")
    size = len(record.value or b"")
    if size > settings.snapshot_limit_bytes:
        remedy = f"{size} bytes: raise LEADSTREAM_SNAPSHOT_LIMIT_BYTES, or see who wrote it"
        count_refused(key, "too_large", remedy)
        return False
    secret = settings.snapshot_key.get_secret_value().encode()
    if not is_genuine(topic.name, record.key or b"", record.value, record.headers, secret):
        remedy = (
            "give all workers and commands the same LEADSTREAM_SNAPSHOT_KEY, or see who wrote it"
        )
        count_refused(key, "signature", remedy)
        return False
    return True


def take_in(settings: Settings, store: SnapshotStore, record: Any) -> None:
    """Put a record of the snapshot topic into a store, unless it is refused."""
    if is_admitted(settings, topics.MODEL_SNAPSHOTS, record):
        store.put((record.key or b"").decode("utf-8", "replace"), record.value)


async def read_snapshots(settings: Settings, store: SnapshotStore) -> int:
    """Put all kept versions into a store; return the offset that comes after them."""
    offset = 0
    for record in await read_all(settings, settings.topic(topics.MODEL_SNAPSHOTS.name), 0):
        take_in(settings, store, record)
        offset = record.offset + 1
    return offset


class SnapshotFollower:
    """Keeps a store in step with the snapshot topic.

    Parameters
    ----------
    store
        Filled by ``start`` with all that is kept, then record by record.
    """

    def __init__(self, settings: Settings, store: SnapshotStore) -> None:
        self._settings = settings
        self._store = store
        self._task: asyncio.Task[None] | None = None
        self._newest_s = time.time()

    async def start(self) -> None:
        """Read what is there, then follow."""
        offset = await read_snapshots(self._settings, self._store)
        self._task = asyncio.create_task(self._follow(offset), name="snapshots")

    async def stop(self) -> None:
        """Follow no longer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def observe(self) -> None:
        """Bring the metrics of freshness up to date."""
        metrics.SNAPSHOT_AGE_SECONDS.labels(P_CONVERT).set(max(0.0, time.time() - self._newest_s))
        for model in {P_CONVERT, *self._store.models()}:
            serving = self._store.serving(model)
            metrics.MODEL_VERSION.labels(model).set(0 if serving is None else offset_of(serving))

    async def _follow(self, offset: int) -> None:
        where = TopicPartition(self._settings.topic(topics.MODEL_SNAPSHOTS.name), 0)
        while True:
            reader = new_reader(self._settings)
            try:
                await reader.start()
                reader.assign([where])
                reader.seek(where, offset)
                async for record in reader:
                    take_in(self._settings, self._store, record)
                    offset = record.offset + 1
                    self._newest_s = record.timestamp / 1000.0
            except Exception as error:
                log.warning("snapshots cannot be followed, trying again", error=fault_of(error))
                await asyncio.sleep(1.0)
            finally:
                await reader.stop()
