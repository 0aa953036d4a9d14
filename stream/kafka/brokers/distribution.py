"""Kafka's released server jars, fetched once through Maven and kept outside the repository."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import stream
from stream.kafka.brokers.broker import BrokerError
from stream.kafka.brokers.java import Java, find_java, find_tool

KAFKA_VERSION = "4.1.0"

# Beside the packages, in a checkout as in an installed wheel.
DEPLOY = Path(stream.__file__).parent.parent / "deploy" / "kafka"


@dataclass(frozen=True)
class Distribution:
    """A broker's files: where they are and how Java is told about them."""

    path: Path

    @property
    def classpath(self) -> str:
        """Every jar by name: a wildcard's order varies, which shared class data refuses."""
        return os.pathsep.join(str(jar) for jar in sorted((self.path / "jars").glob("*.jar")))

    @property
    def checkpoint(self) -> Path:
        """The features that a new cluster begins with, as Kafka's own storage tool writes them."""
        return self.path / "bootstrap.checkpoint"

    def class_data(self, java: Java) -> Path:
        """Where this Java's parsed classes are kept; they save a third of the start."""
        return self.path / f"classes-{java.version}.jsa"


def cache_dir() -> Path:
    """Where fetched files are kept: ``~/.cache/leadstream``, or under ``$XDG_CACHE_HOME``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "leadstream"


def fetch_distribution() -> Distribution:
    """Return the jars' place, fetching them when this version has never been here.

    Concurrent processes wait for each other, and an interrupted fetch leaves nothing behind.

    Raises
    ------
    BrokerError
        When Java or Maven is missing, or Maven cannot fetch.
    """
    java = find_java()
    pom = DEPLOY / "pom.xml"
    if not pom.exists():
        raise BrokerError(f"{pom} is missing: install leadstream again, it ships with the package")
    # The digest lets a changed list of jars be fetched beside brokers that still run on the old.
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:8]
    target = cache_dir() / f"kafka-{KAFKA_VERSION}" / digest
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with _lock(target.parent / "fetch.lock"):
            if not target.exists():
                _fetch(java, pom, target)
    return Distribution(target)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(java: Java, pom: Path, target: Path) -> None:
    maven = find_tool(
        "mvn", "fetches Kafka's jars once", "install Maven 3.6 or newer, or use --kafka embedded"
    )
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetching-") as name:
        fetched = Path(name) / "kafka"
        _run(
            [
                *(maven, "-q", "-B", "-Dstyle.color=never", "-f", str(pom)),
                "dependency:copy-dependencies",
                "-DincludeScope=runtime",
                f"-DoutputDirectory={fetched / 'jars'}",
            ],
            "fetching Kafka's jars failed: check the network and Maven's settings (mirror, proxy)",
        )
        _write_checkpoint(java, Distribution(fetched), Path(name))
        fetched.rename(target)


def _write_checkpoint(java: Java, distribution: Distribution, scratch: Path) -> None:
    config = scratch / "format.properties"
    config.write_text(
        "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=C\n"
        "listeners=B://127.0.0.1:1,C://127.0.0.1:2\ncontroller.quorum.voters=1@127.0.0.1:2\n"
        "listener.security.protocol.map=B:PLAINTEXT,C:PLAINTEXT\ninter.broker.listener.name=B\n"
        f"log.dirs={scratch / 'data'}\n"
    )
    _run(
        [
            *(java.command, "-XX:TieredStopAtLevel=1", "-cp", distribution.classpath),
            *(f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.xml'}", "kafka.tools.StorageTool"),
            *("format", "-t", "bGVhZHN0cmVhbS1icm9rZQ", "-c", str(config)),
        ],
        "formatting Kafka's storage failed",
    )
    shutil.move(scratch / "data" / "bootstrap.checkpoint", distribution.checkpoint)


def _run(command: list[str], failure: str) -> None:
    done = subprocess.run(  # noqa: S603 - Java and Maven, with arguments of our own
        command, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise BrokerError(f"{failure}\n{last}")
