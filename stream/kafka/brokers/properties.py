"""One broker's server.properties: what follows from its place in the cluster and its ports."""

import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """The three ports of a broker: for clients, for its peers, for the controllers."""

    client: int
    internal: int
    controller: int


def free_ports(brokers: int) -> list[Ports]:
    """Ask the kernel for three free ports a broker, all of them different."""
    with ExitStack() as held:
        taken = []
        for _ in range(3 * brokers):
            probe = held.enter_context(socket.socket())
            probe.bind((HOST, 0))
            taken.append(int(probe.getsockname()[1]))
    return [Ports(*taken[first : first + 3]) for first in range(0, len(taken), 3)]


@dataclass(frozen=True)
class Security:
    """What clients have to show and what they may do; the peers talk in plain text.

    Parameters
    ----------
    mechanism
        ``PLAIN`` or ``SCRAM-SHA-512``; empty means no SASL.
    user, password
        The one user of SASL/PLAIN; users of SCRAM are stored in the cluster.
    keystore, ca_file
        PEM files of the broker's key and certificate, and of who signed it; none means no TLS.
    client_certificates
        Clients show a certificate too; its common name is their user.
    acls
        Nobody may do anything unless an ACL says so, but for who comes by the peers' listener.
    """

    mechanism: str = ""
    user: str = ""
    password: str = ""
    keystore: Path | None = None
    ca_file: Path | None = None
    client_certificates: bool = False
    acls: bool = False

    @property
    def protocol(self) -> str:
        """Kafka's name for it, e.g. ``SASL_SSL``."""
        transport = "SSL" if self.keystore else "PLAINTEXT"
        return f"SASL_{transport}" if self.mechanism else transport

    def properties(self) -> dict[str, str]:
        """Return the settings of the clients' listener, and of the authorizer."""
        found: dict[str, str] = {}
        if self.mechanism:
            found["sasl.enabled.mechanisms"] = self.mechanism
        if self.mechanism == "PLAIN":
            found["plain.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.plain.PlainLoginModule required "
                f'user_{self.user}="{self.password}";'
            )
        elif self.mechanism:
            found[f"{self.mechanism.lower()}.sasl.jaas.config"] = (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            )
        if self.keystore:
            found |= {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(self.keystore)}
        if self.client_certificates:
            found |= {
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.ca_file),
                "ssl.client.auth": "required",
                "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
            }
        settings = {f"listener.name.client.{name}": value for name, value in found.items()}
        if self.acls:
            settings["authorizer.class.name"] = (
                "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
            )
            settings["super.users"] = "User:ANONYMOUS"  # who comes by the peers' listener
        return settings


def broker_properties(
    template: str, node_id: int, cluster: Sequence[Ports], data: Path, security: Security
) -> str:
    """Return the settings of one broker.

    Parameters
    ----------
    template
        What all brokers share, ``deploy/kafka/server.properties``.
    node_id
        Which broker of the cluster, from 1.
    cluster
        Every broker's ports, in the order of their ids.
    data
        The broker's own directory.
    security
        How clients are met.
    """
    own = cluster[node_id - 1]
    brokers = len(cluster)
    listeners = f"CLIENT://{HOST}:{own.client},INTERNAL://{HOST}:{own.internal}"
    in_sync = min(2, brokers)
    settings: Mapping[str, object] = {
        "node.id": node_id,
        "log.dirs": data,
        "listeners": f"{listeners},CONTROLLER://{HOST}:{own.controller}",
        "advertised.listeners": listeners,
        "listener.security.protocol.map": (
            f"CLIENT:{security.protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT"
        ),
        "controller.quorum.voters": ",".join(
            f"{voter}@{HOST}:{ports.controller}" for voter, ports in enumerate(cluster, start=1)
        ),
        "default.replication.factor": brokers,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": brokers,
        "transaction.state.log.replication.factor": brokers,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": brokers,
        "share.coordinator.state.topic.min.isr": in_sync,
        **security.properties(),
    }
    return template + "".join(f"{name}={value}\n" for name, value in settings.items())
