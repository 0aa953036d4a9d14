"""Pushing events into the input topics, no faster than the workers follow."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from stream.expected import ExpectedError
from stream.kafka.clients import new_producer
from stream.kafka.lag import LagMeter
from stream.settings import Settings

CHECK_EVERY = 50
POLL_S = 0.005
STALL_S = 60.0
MAX_SKEW_S = 86_400.0


class FeedError(ExpectedError, RuntimeError):
    """Events cannot be fed, or are not followed; the message says what to do."""


class Feeder:
    """A sender that holds back while its readers lag.

    Replayed events carry their own time: were one topic read far ahead of another, its
    leads' histories would come out of order, so what is under way is bounded in number and in the
    time that it spans.

    Parameters
    ----------
    max_lag
        Records that the workers may be behind before sending pauses; 0 never pauses.
    max_skew_s
        Event time that the records under way may span, in seconds.
    """

    def __init__(
        self, settings: Settings, max_lag: int = 1_000, max_skew_s: float = MAX_SKEW_S
    ) -> None:
        self._settings = settings
        self._max_lag = max_lag
        self._max_skew_s = max_skew_s
        self._times_s: deque[float] = deque(maxlen=max(1, max_lag))
        self._meter = LagMeter(settings)
        self._producer: AIOKafkaProducer | None = None
        self._waiting: list[asyncio.Future[object]] = []
        self.sent = 0

    async def start(self) -> None:
        """Connect.

        Raises
        ------
        FeedError
            If Kafka does not answer.
        """
        producer = new_producer(self._settings)
        try:
            await producer.start()
        except KafkaConnectionError as error:
            await producer.stop()
            raise FeedError(
                f"no Kafka at {self._settings.kafka_bootstrap} ({error}); start one, or set "
                "LEADSTREAM_KAFKA_BOOTSTRAP"
            ) from None
        self._producer = producer
        await self._meter.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._meter.stop()
        if self._producer is not None:
            await self._producer.stop()

    async def send(
        self, topic: str, key: bytes | None, value: bytes, at_s: float | None = None
    ) -> None:
        """Send one event that happened at a time (epoch seconds); hold back while readers lag."""
        if self._producer is None:
            raise RuntimeError("the feeder is not started")
        self._waiting.append(
            await self._producer.send(self._settings.topic(topic), value=value, key=key)
        )
        self.sent += 1
        if at_s is not None:
            self._times_s.append(at_s)
        if self.sent % CHECK_EVERY == 0:
            await self.settle()
            if self._max_lag:
                await self._hold_back()

    async def _hold_back(self) -> None:
        least, since_s = None, time.monotonic()
        while self._is_too_far(lag := await self._meter.lag()):
            if least is None or lag < least:
                least, since_s = lag, time.monotonic()
            elif time.monotonic() - since_s > STALL_S:
                raise FeedError(
                    f"the workers have not come nearer for {STALL_S:g} s, {lag} records behind; "
                    "is one running (`leadstream worker`)? Its log says what holds it up"
                )
            await asyncio.sleep(POLL_S)

    def _is_too_far(self, lag: int) -> bool:
        if lag > self._max_lag:
            return True
        # An event is in the input topic first and in the log next; twice as many is cautious.
        under_way = min(lag, len(self._times_s))
        return (
            under_way > CHECK_EVERY
            and self._times_s[-1] - self._times_s[-under_way] > self._max_skew_s
        )

    async def settle(self) -> None:
        """Wait until everything sent is acknowledged."""
        waiting, self._waiting = self._waiting, []
        await asyncio.gather(*waiting)

    async def drain(
        self, timeout_s: float, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        """Wait until the workers have done all that was sent.

        Raises
        ------
        FeedError
            If they have not within the time.
        """
        await self.settle()
        deadline = time.monotonic() + timeout_s
        while not await self._meter.is_drained():
            lag = await self._meter.lag()
            progress(lag)
            if time.monotonic() > deadline:
                raise FeedError(
                    f"after {timeout_s:g} s the workers are still {lag} records behind; is one "
                    "running (`leadstream worker`)? Its log says what holds it up"
                )
            await asyncio.sleep(0.1)
