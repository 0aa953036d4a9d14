"""Apache Kafka itself on the local JVM: one broker or several, without Docker.

From a shell: ``python -m stream.kafka.brokers.jvm --brokers 1``.
"""

import argparse
import atexit
import base64
import contextlib
import secrets
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.certificate import make_certificate
from stream.kafka.brokers.distribution import DEPLOY, KAFKA_VERSION, fetch_distribution
from stream.kafka.brokers.process import BrokerProcess, format_storage
from stream.kafka.brokers.properties import HOST, Security, broker_properties, free_ports
from stream.kafka.brokers.readiness import wait_until_ready

_READY_S = 60.0
_ATTEMPTS = 3


class JvmKafka(Broker):
    """Apache Kafka on this machine, bound to 127.0.0.1, its data gone when it stops.

    Parameters
    ----------
    brokers
        How many; each is broker and controller, so three survive the loss of one.
    sasl
        Ask clients for `user` and `password` (SASL/PLAIN).
    tls
        Encrypt; clients trust `ca_file`.
    heap_mb
        The largest Java heap of a broker.

    Examples
    --------
    >>> with JvmKafka() as kafka:  # doctest: +SKIP
    ...     print(kafka.bootstrap)
    127.0.0.1:40123
    """

    kind = "jvm"
    version = KAFKA_VERSION
    has_transactions = True
    has_admin = True

    def __init__(
        self, brokers: int = 1, *, sasl: bool = False, tls: bool = False, heap_mb: int = 512
    ) -> None:
        if brokers < 1:
            raise BrokerError(f"brokers is {brokers}: give 1 or more")
        self.brokers = brokers
        self.user = "leadstream" if sasl else ""
        self.password = secrets.token_hex(16) if sasl else ""
        self.security_protocol = "PLAINTEXT"
        self.ca_file: Path | None = None
        self._sasl = sasl
        self._tls = tls
        self._heap_mb = heap_mb
        self._directory: Path | None = None
        self._processes: list[BrokerProcess] = []

    @property
    def client_settings(self) -> dict[str, str]:
        """The security settings that a librdkafka client needs, none on a plain broker."""
        found: dict[str, str] = {}
        if self._sasl or self._tls:
            found["security.protocol"] = self.security_protocol
        if self._sasl:
            found |= {
                "sasl.mechanism": "PLAIN",
                "sasl.username": self.user,
                "sasl.password": self.password,
            }
        if self.ca_file:
            found["ssl.ca.location"] = str(self.ca_file)
        return found

    def start(self) -> None:
        """Start every broker and wait until all of them answer.

        Raises
        ------
        BrokerError
            When Java or Maven is missing, or Kafka does not start; with its last log lines.
        """
        if self._processes:
            return
        atexit.register(self.stop)
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start()
            except BrokerError as error:
                self.stop()
                # Somebody else took a port between our asking for it and Kafka's binding it.
                if attempt == _ATTEMPTS or "Address already in use" not in str(error):
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return

    def stop(self) -> None:
        """End every broker and remove its data."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        self._processes = []
        self._bootstrap = None
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)
            self._directory = None
        atexit.unregister(self.stop)

    def kill_broker(self, node_id: int) -> None:
        """End one broker as a power failure would (SIGKILL); ids count from 1."""
        self._process(node_id).kill()

    def start_broker(self, node_id: int) -> None:
        """Start a broker again on its old port and data, and wait until it is back."""
        self._process(node_id).start()
        # Its own answer: for some seconds the others have not noticed that it was away.
        self._wait(self.bootstrap.split(",")[node_id - 1], 1)

    def _process(self, node_id: int) -> BrokerProcess:
        if not 1 <= node_id <= len(self._processes):
            raise BrokerError(
                f"node_id is {node_id}: {len(self._processes)} brokers run, ids count from 1"
            )
        return self._processes[node_id - 1]

    def _start(self) -> None:
        distribution = fetch_distribution()
        self._directory = Path(tempfile.mkdtemp(prefix="leadstream-kafka-"))
        security = self._secure(self._directory)
        self.security_protocol = security.protocol
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        cluster = free_ports(self.brokers)
        template = (DEPLOY / "server.properties").read_text()
        for node_id in range(1, self.brokers + 1):
            directory = self._directory / f"broker-{node_id}"
            directory.mkdir()
            (directory / "server.properties").write_text(
                broker_properties(template, node_id, cluster, directory / "data", security)
            )
            format_storage(directory / "data", distribution.checkpoint, cluster_id, node_id)
            process = BrokerProcess(
                distribution,
                node_id,
                directory,
                heap_mb=self._heap_mb,
                archive=self.brokers == 1,
            )
            self._processes.append(process)
            process.start()
        self._bootstrap = ",".join(f"{HOST}:{ports.client}" for ports in cluster)
        self._wait(self.bootstrap, self.brokers)

    def _secure(self, directory: Path) -> Security:
        if not self._tls:
            return Security(self.user, self.password)
        certificate = make_certificate(directory)
        self.ca_file = certificate.ca_file
        return Security(self.user, self.password, certificate.keystore, certificate.password)

    def _wait(self, bootstrap: str, brokers: int) -> None:
        def check() -> None:
            for process in self._processes:
                process.check()

        try:
            wait_until_ready(
                bootstrap,
                brokers=brokers,
                deadline_s=_READY_S,
                client=self.client_settings,
                check=check,
            )
        except BrokerError as error:
            check()
            logs = "\n".join(
                f"broker {process.node_id}:\n{process.last_lines()}" for process in self._processes
            )
            raise BrokerError(f"{error}\n{logs}") from error


def main(arguments: list[str] | None = None) -> None:
    """Run brokers until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(
        prog="python -m stream.kafka.brokers.jvm",
        description="Apache Kafka on the local JVM until Ctrl-C; prints its address.",
    )
    parser.add_argument("--brokers", type=int, default=1, help="how many (default: 1)")
    parser.add_argument("--sasl", action="store_true", help="ask clients for user and password")
    parser.add_argument("--tls", action="store_true", help="encrypt, with a certificate made now")
    parser.add_argument("--heap-mb", type=int, default=512, help="heap of a broker (default: 512)")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kafka = JvmKafka(chosen.brokers, sasl=chosen.sasl, tls=chosen.tls, heap_mb=chosen.heap_mb)
    try:
        with kafka, contextlib.suppress(KeyboardInterrupt):
            print(kafka.bootstrap, flush=True)
            for name, value in kafka.client_settings.items():
                print(f"{name}={value}", flush=True)
            signal.pause()
    except BrokerError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
