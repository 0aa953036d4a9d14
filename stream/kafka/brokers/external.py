"""A Kafka that somebody else runs."""

from collections.abc import Mapping

from stream.kafka.brokers.broker import EMULATED_FETCH_WAIT_MS, Broker
from stream.kafka.brokers.readiness import wait_until_ready

_READY_S = 10.0


class ExternalKafka(Broker):
    """A Kafka at an address; start() checks that it answers, stop() leaves it alone.

    Parameters
    ----------
    bootstrap
        ``HOST:PORT``, or several with commas between them.
    client
        Further librdkafka settings (security).
    """

    kind = "external"
    version = "unknown"
    has_transactions = True
    has_admin = True

    def __init__(self, bootstrap: str, client: Mapping[str, str] | None = None) -> None:
        self._bootstrap = bootstrap
        self._client = dict(client or {})

    def start(self) -> None:
        """Ask for the cluster's metadata.

        Raises
        ------
        BrokerError
            When nobody answers within ten seconds.
        """
        metadata = wait_until_ready(self.bootstrap, deadline_s=_READY_S, client=self._client)
        # Another process may serve its embedded broker at this address.
        is_mock = str(metadata.cluster_id).startswith("mockCluster")
        self.has_transactions = self.has_admin = not is_mock
        if is_mock:
            self.fetch_max_wait_ms = EMULATED_FETCH_WAIT_MS

    def stop(self) -> None:
        """Do nothing: it is not ours."""
