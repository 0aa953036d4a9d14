"""The snapshot topic: every process reads all of it, and keeps up with it."""

import asyncio
import time

import structlog
from aiokafka import TopicPartition

from schemas import topics
from stream import metrics
from stream.kafka.clients import new_reader, read_all
from stream.logs import fault_of
from stream.models import P_CONVERT, SnapshotStore
from stream.settings import Settings

log = structlog.get_logger(__name__)


async def read_snapshots(settings: Settings, store: SnapshotStore) -> int:
    """Put all kept versions into a store; return the offset that comes after them."""
    offset = 0
    for record in await read_all(settings, settings.topic(topics.MODEL_SNAPSHOTS.name), 0):
        store.put(record.key.decode(), record.value)
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
        metrics.MODEL_VERSION.labels(P_CONVERT).set(float(self._store.serving(P_CONVERT) or 0))

    async def _follow(self, offset: int) -> None:
        where = TopicPartition(self._settings.topic(topics.MODEL_SNAPSHOTS.name), 0)
        while True:
            reader = new_reader(self._settings)
            try:
                await reader.start()
                reader.assign([where])
                reader.seek(where, offset)
                async for record in reader:
                    self._store.put(record.key.decode(), record.value)
                    offset = record.offset + 1
                    self._newest_s = record.timestamp / 1000.0
            except Exception as error:
                log.warning("snapshots cannot be followed, trying again", error=fault_of(error))
                await asyncio.sleep(1.0)
            finally:
                await reader.stop()
