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
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.certificate import Authority, Certificate
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
        Ask clients for a user and a password: ``PLAIN`` or ``SCRAM-SHA-512``; empty asks for none.
    tls
        Encrypt; clients trust `ca_file`.
    client_certificates
        Ask clients for a certificate (mutual TLS), as `certificate_of` makes them.
    acls
        Deny what no ACL allows; `admin` gives ACLs, and may do anything itself.
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
        self,
        brokers: int = 1,
        *,
        sasl: str = "",
        tls: bool = False,
        client_certificates: bool = False,
        acls: bool = False,
        heap_mb: int = 512,
    ) -> None:
        if brokers < 1:
            raise BrokerError(f"brokers is {brokers}: give 1 or more")
        self.brokers = brokers
        self.user = "leadstream" if sasl else ""
        self.password = secrets.token_hex(16) if sasl else ""
        self.security_protocol = "PLAINTEXT"
        self.ca_file: Path | None = None
        self._sasl = sasl
        self._tls = tls or client_certificates
        self._client_certificates = client_certificates
        self._acls = acls
        self._heap_mb = heap_mb
        self._authority: Authority | None = None
        self._own: Certificate | None = None
        self._internal = ""
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
                "sasl.mechanism": self._sasl,
                "sasl.username": self.user,
                "sasl.password": self.password,
            }
        if self.ca_file:
            found["ssl.ca.location"] = str(self.ca_file)
        if self._own is not None:
            found["ssl.certificate.location"] = str(self._own.cert_file)
            found["ssl.key.location"] = str(self._own.key_file)
        return found

    @property
    def admin(self) -> AdminClient:
        """A client of the peers' own listener, which may do anything."""
        if not self._internal:
            raise BrokerError("the jvm broker has no administrator yet: call start()")
        return AdminClient({"bootstrap.servers": self._internal})

    def add_user(self, name: str, password: str | None = None) -> str:
        """Store a SCRAM user in the cluster; return its password."""
        password = password or secrets.token_hex(16)
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        upsertion = UserScramCredentialUpsertion(name, info, password.encode())
        admin = self.admin
        admin.alter_user_scram_credentials([upsertion])[name].result(_READY_S)
        login = {"sasl.username": name, "sasl.password": password}
        self._wait(self.bootstrap, self.brokers, self.client_settings | login)
        return password

    def certificate_of(self, name: str) -> Certificate:
        """Return a new client certificate; its common name is the user that ACLs name."""
        if self._authority is None:
            raise BrokerError("the jvm broker signs certificates once it runs with tls")
        return self._authority.issue(name)

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
        self._wait(self.bootstrap.split(",")[node_id - 1], 1, self.client_settings)

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
        self._internal = ",".join(f"{HOST}:{ports.internal}" for ports in cluster)
        self._wait(self._internal, self.brokers, {})
        if self._sasl.startswith("SCRAM"):
            self.add_user(self.user, self.password)
        else:
            self._wait(self.bootstrap, self.brokers, self.client_settings)

    def _secure(self, directory: Path) -> Security:
        keystore = None
        if self._tls:
            self._authority = Authority(directory)
            self.ca_file = self._authority.ca_file
            keystore = self._authority.issue("broker").both_file
            if self._client_certificates:
                self._own = self._authority.issue("leadstream")
        acls, shown = self._acls, self._client_certificates
        login = (self._sasl, self.user, self.password)
        return Security(*login, keystore, self.ca_file, client_certificates=shown, acls=acls)

    def _wait(self, bootstrap: str, brokers: int, client: Mapping[str, str]) -> None:
        def check() -> None:
            for process in self._processes:
                process.check()

        try:
            wait_until_ready(
                bootstrap,
                brokers=brokers,
                deadline_s=_READY_S,
                client=client,
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
    parser.add_argument(
        "--sasl",
        default="",
        choices=("PLAIN", "SCRAM-SHA-512"),
        help="ask clients for user and password",
    )
    parser.add_argument("--tls", action="store_true", help="encrypt, with a certificate made now")
    parser.add_argument("--mtls", action="store_true", help="ask clients for a certificate too")
    parser.add_argument("--acls", action="store_true", help="deny what no ACL allows")
    parser.add_argument("--heap-mb", type=int, default=512, help="heap of a broker (default: 512)")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    kafka = JvmKafka(
        chosen.brokers,
        sasl=chosen.sasl,
        tls=chosen.tls,
        client_certificates=chosen.mtls,
        acls=chosen.acls,
        heap_mb=chosen.heap_mb,
    )
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
