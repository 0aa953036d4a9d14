"""Apache Kafka in a Docker container, through the docker command."""

import atexit
import shutil
import subprocess
import uuid

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.distribution import KAFKA_VERSION
from stream.kafka.brokers.java import find_tool
from stream.kafka.brokers.properties import HOST, free_ports
from stream.kafka.brokers.readiness import wait_until_ready

IMAGE = f"apache/kafka:{KAFKA_VERSION}"
_READY_S = 60.0


def docker_answers() -> bool:
    """Whether there is a docker command and an engine behind it."""
    docker = shutil.which("docker")
    return docker is not None and _run(docker, "info").returncode == 0


class DockerKafka(Broker):
    """One broker in a container that is removed when it stops."""

    kind = "docker"
    version = KAFKA_VERSION
    has_transactions = True
    has_admin = True

    def __init__(self) -> None:
        self._container: str | None = None

    def start(self) -> None:
        """Run the container (its image is pulled the first time) and wait until Kafka answers.

        Raises
        ------
        BrokerError
            When there is no Docker, or Kafka does not start; with its last log lines.
        """
        if self._bootstrap is not None:
            return
        docker = find_tool("docker", "runs the docker broker", "install Docker, or use --kafka jvm")
        name = f"leadstream-kafka-{uuid.uuid4().hex[:8]}"
        port = free_ports(1)[0].client
        options = [f"--env=KAFKA_{key}={value}" for key, value in environment(port).items()]
        atexit.register(self.stop)
        self._container = name
        started = _run(
            docker,
            *("run", "--detach", "--rm", f"--name={name}", f"--publish={HOST}:{port}:{port}"),
            *(*options, IMAGE),
        )
        if started.returncode != 0:
            self.stop()
            raise BrokerError(
                f"docker could not run {IMAGE}: {started.stderr.strip()}\n"
                "Start the Docker engine and check that the image can be pulled, or use --kafka jvm"
            )
        try:
            wait_until_ready(f"{HOST}:{port}", deadline_s=_READY_S)
        except BrokerError as error:
            logs = _run(docker, "logs", "--tail=20", name)
            self.stop()
            raise BrokerError(f"{error}\n{logs.stdout}{logs.stderr}") from error
        self._bootstrap = f"{HOST}:{port}"

    def stop(self) -> None:
        """Remove the container and its data."""
        if self._container is not None:
            _run("docker", "rm", "--force", self._container)
        self._container = self._bootstrap = None
        atexit.unregister(self.stop)


def environment(port: int) -> dict[str, str]:
    """Return the container's environment for clients on this port of the host."""
    # Any setting replaces the image's whole default configuration, so all of it stands here.
    return {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://{HOST}:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
        "TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS": "1000",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    }


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - docker, with arguments of our own
        command, capture_output=True, text=True, check=False
    )
