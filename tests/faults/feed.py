"""Steady input that rides out the loss of a broker."""

import asyncio
import time
from datetime import UTC, datetime

from confluent_kafka import KafkaError, Message, Producer

from stream.settings import Settings
from stream.simulator import Simulation

START = datetime(2020, 1, 6, tzinfo=UTC)
"""Long ago: at this rate years of simulated time go by, and none may lie in the future."""
STEP_S = 0.02


class SteadyFeed:
    """Sends simulated events at a rate, whatever becomes of workers and brokers.

    Parameters
    ----------
    rate
        Events per second.
    seed
        The simulation's.
    """

    def __init__(self, settings: Settings, rate: float, seed: int) -> None:
        self._settings = settings
        self._rate = rate
        self._events = iter(Simulation(events=None, seed=seed, start=START, keep_truth=False))
        # An own producer: ours gives a batch up after seconds, for its senders to send it again.
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "message.timeout.ms": 300_000,
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self._ended = asyncio.Event()
        self.sent = 0
        self.refused: list[str] = []

    async def run(self) -> None:
        """Send until told to end."""
        started_s = time.monotonic()
        while not self._ended.is_set():
            due = int((time.monotonic() - started_s) * self._rate)
            for _ in range(due - self.sent):
                event = next(self._events)
                self._producer.produce(
                    self._settings.topic(event.topic),
                    value=event.value,
                    key=event.key,
                    on_delivery=self._delivered,
                )
                self.sent += 1
            self._producer.poll(0)
            await asyncio.sleep(STEP_S)

    async def end(self) -> None:
        """Send no more; wait until all of it is acknowledged."""
        self._ended.set()
        left = await asyncio.to_thread(self._producer.flush, 120)
        if left or self.refused:
            raise RuntimeError(f"Kafka has not acknowledged {left} events; {self.refused[:3]}")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.refused.append(f"{message.topic()}: {error}")
