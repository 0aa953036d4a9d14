"""Workers as operators run them: processes of their own, against the Kafka of the tests."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prepared_process import PreparedProcess

from schemas.dead_letters import DeadLetter
from stream.kafka.brokers.broker import Broker
from stream.kafka.feeder import Feeder
from stream.lead.sealing import Contents
from stream.settings import Settings
from stream.simulator.simulation import SimulatedEvent

START_S = 60.0


def own_settings(broker: Broker, **changed: object) -> Settings:
    """Return settings with topics, group and transactional ids that no other test uses."""
    name = f"t{uuid.uuid4().hex[:10]}"
    values: dict[str, object] = {
        "kafka_bootstrap": broker.bootstrap,
        "topic_prefix": f"{name}-",
        "app_id": name,
        "partitions": 4,
        "clock": "event",
        "web_port": 0,
        "tick_interval_s": 0.5,
        "snapshot_interval_s": 0.3,
        "log_level": "INFO",
        "fetch_max_wait_ms": broker.fetch_max_wait_ms,
        **changed,
    }
    return Settings(**values)  # type: ignore[arg-type]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment that gives a command these settings."""
    return {**os.environ, **settings.environment()}


def same_but(settings: Settings, **changed: object) -> Settings:
    """Return these settings with some changed, as a command started with them would have them."""
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings(**{**values, **changed})


def ran(
    variables: Mapping[str, str], *arguments: str, timeout_s: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment to its end; return how it ended and what it printed."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        process = PreparedProcess(list(arguments), variables, out, err)
        try:
            code = process.wait(timeout_s)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def leadstream(settings: Settings, *arguments: str, timeout_s: float = 120) -> str:
    """Run a command to its end and return what it printed; fail with its errors."""
    done = ran(environment(settings), *arguments, timeout_s=timeout_s)
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(settings: Settings, record: Any) -> Contents:
    """Open a record of ``dead-letters``."""
    letter = DeadLetter.model_validate_json(record.value)
    return settings.sealer().open(letter.sealed, letter.letter_id)


class WorkerHandle:
    """A running worker, its log and its base URL.

    Parameters
    ----------
    is_prepared
        Fork it from a process that has imported leadstream; false starts it from nothing.
    """

    def __init__(self, settings: Settings, log: Path, *, is_prepared: bool = True) -> None:
        self.log = log
        self.process: PreparedProcess | subprocess.Popen[bytes]
        with log.open("wb") as file:
            if is_prepared:
                self.process = PreparedProcess(["worker"], environment(settings), log, log)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "stream", "worker"],
                    env=environment(settings),
                    stderr=file,
                    stdout=file,
                )

    def wait_until_up(self) -> str:
        """Return the worker's base URL once it says that it is up."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if "metrics at " in line:
                    return line.split("metrics at ")[1].removesuffix("/metrics")
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"worker not up after {START_S} s:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Ask the worker to end, as an operator would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def workers(settings: Settings, folder: Path, count: int = 1) -> Iterator[list[WorkerHandle]]:
    """Run workers for the length of a block."""
    running: list[WorkerHandle] = []
    try:
        running += [WorkerHandle(settings, folder / f"worker-{n}.log") for n in range(count)]
        for worker in running:
            worker.wait_until_up()
        yield running
    finally:
        for worker in running:
            worker.stop()


async def feed(
    settings: Settings, events: Iterable[SimulatedEvent], max_lag: int = 800, drain_s: float = 120
) -> None:
    """Send simulated events, no faster than the workers follow, and wait until all are done."""
    feeder = Feeder(settings, max_lag=max_lag)
    await feeder.start()
    try:
        for event in events:
            await feeder.send(event.topic, event.key, event.value, event.arrives_at)
        await feeder.drain(drain_s)
    finally:
        await feeder.stop()
