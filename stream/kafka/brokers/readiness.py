"""Waits until brokers answer, by asking them."""

import time
from collections.abc import Callable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from stream.kafka.brokers.broker import BrokerError

_QUIET = {
    "log_level": 0,  # a refused connection is no news here
    "reconnect.backoff.ms": 20,
    "reconnect.backoff.max.ms": 100,
}


def wait_until_ready(
    bootstrap: str,
    *,
    brokers: int = 1,
    deadline_s: float = 60.0,
    client: Mapping[str, str] | None = None,
    check: Callable[[], None] = lambda: None,
) -> ClusterMetadata:
    """Wait until so many brokers are in the cluster's metadata.

    Parameters
    ----------
    bootstrap
        Where to ask.
    brokers
        How many brokers have to be there.
    deadline_s
        After so many seconds give up.
    client
        Further librdkafka settings (security).
    check
        Called between questions; raises when waiting has become pointless.

    Returns
    -------
    ClusterMetadata
        The answer that was waited for.

    Raises
    ------
    BrokerError
        When the deadline has passed.
    """
    deadline = time.monotonic() + deadline_s
    admin = AdminClient({"bootstrap.servers": bootstrap, **_QUIET, **(client or {})})
    heard = "no answer"
    while time.monotonic() < deadline:
        check()
        try:
            metadata = admin.list_topics(timeout=min(0.5, deadline_s))
        except KafkaException as error:
            heard = str(error)
        else:
            if len(metadata.brokers) >= brokers:
                return metadata
            heard = f"{len(metadata.brokers)} of {brokers} brokers"
            time.sleep(0.02)
    raise BrokerError(
        f"Kafka at {bootstrap} is not ready after {deadline_s:g} s ({heard}): "
        "is the address right and the broker running?"
    )
