"""From a word on the command line to a broker."""

import re

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.docker import DockerKafka
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.brokers.external import ExternalKafka
from stream.kafka.brokers.jvm import JvmKafka

_ADDRESSES = re.compile(r"[^\s:,]+:\d{1,5}(,[^\s:,]+:\d{1,5})*|\[[0-9a-fA-F:]+\]:\d{1,5}")


def open_broker(kafka: str) -> Broker:
    """Return the broker that was asked for, not started yet.

    Parameters
    ----------
    kafka
        ``embedded``, ``jvm``, ``docker`` or an address ``HOST:PORT`` (several with commas).

    Raises
    ------
    BrokerError
        When it is none of these.

    Examples
    --------
    >>> with open_broker("embedded") as broker:
    ...     broker.kind, broker.has_transactions
    ('embedded', False)
    """
    if kafka == "embedded":
        return EmbeddedKafka()
    if kafka == "jvm":
        return JvmKafka()
    if kafka == "docker":
        return DockerKafka()
    if _ADDRESSES.fullmatch(kafka):
        return ExternalKafka(kafka)
    raise BrokerError(f"kafka is {kafka!r}: give embedded, jvm, docker or HOST:PORT")
