"""A collector as operators run it: a process of its own, against the Kafka of the tests."""

import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prepared_process import PreparedProcess
from worker_process import environment

from stream.settings import Settings

START_S = 30.0
WRITE_KEY = "a-write-key-of-these-tests"
BASIC = {"Authorization": f"Basic {b64encode(f'{WRITE_KEY}:'.encode()).decode()}"}


class CollectorHandle:
    """A running collector, its log and its URLs."""

    command = "collect"
    announces = "takes events at "

    def __init__(self, settings: Settings, log: Path) -> None:
        self.log = log
        log.touch()
        self.process = PreparedProcess([self.command], environment(settings), log, log)
        self.url, self.metrics_url = self._wait_until_up()

    def _wait_until_up(self) -> tuple[str, str]:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            for line in self.log.read_text().splitlines():
                if self.announces in line:
                    url, metrics_url = line.split(self.announces)[1].split("; metrics at ")
                    return url, metrics_url
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"{self.command} not up after {START_S} s:\n{self.log.read_text()}")

    def stop(self) -> None:
        """Ask it to end, as an operator would."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def kill(self) -> None:
        """End it with no warning."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@contextmanager
def collector(settings: Settings, folder: Path) -> Iterator[CollectorHandle]:
    """Run a collector for the length of a block."""
    running = CollectorHandle(settings, folder / f"collector-{time.monotonic_ns()}.log")
    try:
        yield running
    finally:
        running.stop()
