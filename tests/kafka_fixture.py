"""The Kafka that integration tests talk to: the best that this machine can start."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.docker import IMAGE, docker_answers, environment
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.brokers.external import ExternalKafka
from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.brokers.properties import HOST, free_ports
from stream.kafka.brokers.readiness import wait_until_ready

BOOTSTRAP = "LEADSTREAM_KAFKA_BOOTSTRAP"


class ContainerKafka(ExternalKafka):
    """Kafka in a container of testcontainers, which also removes it when pytest is killed."""

    kind = "docker"

    def __init__(self) -> None:
        self._port = free_ports(1)[0].client
        super().__init__(f"{HOST}:{self._port}")
        self._running = ExitStack()

    def start(self) -> None:
        # Imported here: without an engine its import alone may fail.
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        container = DockerContainer(IMAGE).with_bind_ports(self._port, self._port)
        for key, value in environment(self._port).items():
            container = container.with_env(f"KAFKA_{key}", value)
        with ExitStack() as failed:
            failed.enter_context(container)
            wait_until_ready(self.bootstrap)
            self._running = failed.pop_all()

    def stop(self) -> None:
        self._running.close()


@contextmanager
def best_kafka(notes: list[str]) -> Iterator[Broker]:
    """Yield a started broker; `notes` receives why better ones were passed over."""
    if address := os.environ.get(BOOTSTRAP):
        # Named on purpose, so when it does not answer no other takes its place.
        with ExternalKafka(address) as broker:
            yield broker
        return
    choices: list[Callable[[], Broker]] = [JvmKafka, EmbeddedKafka]
    if docker_answers():
        choices.insert(0, ContainerKafka)
    else:
        notes.append("docker: no engine answers")
    for choose in choices:
        broker = choose()
        try:
            broker.start()
        except Exception as error:
            if isinstance(broker, EmbeddedKafka):
                raise
            notes.append(f"{broker.kind}: {str(error).splitlines()[0]}")
            continue
        try:
            yield broker
        finally:
            broker.stop()
        return
    raise BrokerError("no broker could be started: " + "; ".join(notes))
