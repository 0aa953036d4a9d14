"""Prometheus itself, scraping what a test runs, with the rules that are deployed."""

import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from outside_tools import prometheus_tool

from stream.kafka.brokers.properties import HOST, free_ports

START_S = 20.0
JOB = "leadstream"


class PrometheusHandle:
    """A Prometheus that runs, to be asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._started_s = time.time()

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer; a refusal fails with what Prometheus says of it."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None

    def has_answered(self, expression: str) -> bool:
        """Tell whether an expression gave anything at any second since the start.

        A share of what happens is only there while something happens.
        """
        start, end = f"{self._started_s:.3f}", f"{time.time():.3f}"
        told = self.get("/api/v1/query_range", query=expression, start=start, end=end, step="1")
        return bool(told["result"])


@contextmanager
def prometheus(folder: Path, targets: list[str], rules: list[Path]) -> Iterator[PrometheusHandle]:
    """Run Prometheus for the length of a block.

    Parameters
    ----------
    targets
        What to scrape, ``host:port``, every second.
    """
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    job = {"job_name": JOB, "static_configs": [{"targets": targets}]}
    configuration = folder / "prometheus.yml"
    configuration.write_text(
        yaml.safe_dump(
            {"global": every, "rule_files": [str(path) for path in rules], "scrape_configs": [job]}
        )
    )
    address = f"{HOST}:{free_ports(1)[0].client}"
    log = folder / "prometheus.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [
                prometheus_tool("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdout=file,
            stderr=file,
        )
    try:
        _wait(process, f"http://{address}", log)
        yield PrometheusHandle(f"http://{address}")
    finally:
        process.terminate()
        process.wait(20)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2):  # noqa: S310 - our own
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.05)
    raise AssertionError(f"Prometheus is not ready after {START_S} s:\n{log.read_text()}")
