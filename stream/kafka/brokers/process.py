"""One broker's Java process: started in a directory of its own, watched, stopped or killed."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from stream.kafka.brokers.broker import BrokerError
from stream.kafka.brokers.distribution import DEPLOY, Distribution
from stream.kafka.brokers.java import find_java

_STOP_S = 1.5
_ARCHIVE_S = 20.0


def format_storage(data: Path, checkpoint: Path, cluster_id: str, node_id: int) -> None:
    """Write what Kafka's storage tool would write, without starting a JVM for it."""
    data.mkdir()
    (data / "meta.properties").write_text(
        f"version=1\ncluster.id={cluster_id}\nnode.id={node_id}\n"
    )
    shutil.copy(checkpoint, data)


class BrokerProcess:
    """A broker that can be started again on the data that it left.

    Parameters
    ----------
    distribution
        Kafka's jars.
    node_id
        Which broker of the cluster, from 1.
    directory
        Holds ``server.properties`` and the formatted data; the log goes there too.
    heap_mb
        The largest Java heap.
    archive
        Whether this broker may keep its parsed classes for later starts, when there are none yet.
    """

    def __init__(
        self,
        distribution: Distribution,
        node_id: int,
        directory: Path,
        *,
        heap_mb: int,
        archive: bool,
    ) -> None:
        self.node_id = node_id
        self.directory = directory
        self._distribution = distribution
        self._heap_mb = heap_mb
        self._process: subprocess.Popen[bytes] | None = None
        self._class_data = distribution.class_data(find_java())
        self._new_class_data = directory / "classes.jsa"
        self._archives = archive and not self._class_data.exists()

    @property
    def log(self) -> Path:
        """What the broker printed."""
        return self.directory / "broker.log"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; does nothing while it runs."""
        if self._process is not None and self._process.poll() is None:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - Java, with arguments of our own
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for us alone: the broker has to outlive its clients.
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise when the process has ended by itself, with the last of what it said."""
        code = self._process.poll() if self._process else None
        if code is not None:
            raise BrokerError(
                f"Kafka broker {self.node_id} ended with code {code}; its last lines:\n"
                f"{self.last_lines()}"
            )

    def last_lines(self, count: int = 20) -> str:
        """Return the end of the log."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])

    def terminate(self) -> None:
        """Ask the process to end."""
        if self._process is not None:
            self._process.terminate()

    def join(self) -> None:
        """Wait for the end that terminate() asked for, and enforce it after a while."""
        if self._process is None:
            return
        try:
            # Brokers that have lost their quorum would wait for it; their data is thrown away.
            self._process.wait(_ARCHIVE_S if self._archives else _STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        else:
            self._keep_class_data()
        self._process = None

    def kill(self) -> None:
        """End the process as a power failure would (SIGKILL)."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _command(self) -> list[str]:
        option = "ArchiveClassesAtExit" if self._archives else "SharedArchiveFile"
        file = self._new_class_data if self._archives else self._class_data
        return [
            find_java().command,
            f"-Xmx{self._heap_mb}m",
            *("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Xlog:cds=off"),
            *("-Xlog:cds+dynamic=off", f"-XX:{option}={file}"),
            *("-Djava.awt.headless=true", f"-Dlog4j2.configurationFile={DEPLOY / 'log4j2.xml'}"),
            *("-cp", self._distribution.classpath),
            *("kafka.Kafka", str(self.directory / "server.properties")),
        ]

    def _keep_class_data(self) -> None:
        if not self._new_class_data.exists():
            return
        ours = self._class_data.with_suffix(f".{os.getpid()}-{self.node_id}")
        # Without it brokers start a second later, so a full disk is no reason to fail.
        with contextlib.suppress(OSError):
            shutil.move(self._new_class_data, ours)
            ours.rename(self._class_data)
