"""librdkafka's in-process mock cluster: Kafka's protocol over TCP, in memory, at once.

confluent-kafka carries it in its wheel but passes on the number of brokers only. Called through
librdkafka's own C interface (``rdkafka_mock.h``) it also takes the partitions of a topic, and forms
consumer groups without its usual three seconds of waiting.
"""

import ctypes
from typing import Any

import confluent_kafka
import confluent_kafka.cimpl

from stream.kafka.brokers.broker import EMULATED_FETCH_WAIT_MS, Broker, BrokerError

_PRODUCER = 0
_DEFAULT_PARTITIONS = 4


class EmbeddedKafka(Broker):
    """A broker inside this process: no administration, no transactions, nothing on disk.

    A topic that nobody created comes into being with four partitions when it is first asked for.
    A partition keeps its newest 5 MB, so readers have to keep up.

    Parameters
    ----------
    brokers
        How many to emulate.

    Examples
    --------
    >>> with EmbeddedKafka() as kafka:
    ...     kafka.create_topic("page-views", partitions=8)
    ...     kafka.bootstrap.startswith("127.0.0.1:")
    True
    """

    kind = "embedded"
    has_transactions = False
    fetch_max_wait_ms = EMULATED_FETCH_WAIT_MS
    has_admin = False

    def __init__(self, brokers: int = 1) -> None:
        if brokers < 1:
            raise BrokerError(f"brokers is {brokers}: give 1 or more")
        self.version = f"librdkafka {confluent_kafka.libversion()[0]}"
        self.brokers = brokers
        self._library: Any = None
        self._client: Any = None
        self._cluster: Any = None

    def start(self) -> None:
        """Start the emulation; it answers at once."""
        if self._bootstrap is not None:
            return
        self._library = library = _load()
        error = ctypes.create_string_buffer(512)
        conf = library.rd_kafka_conf_new()
        # Emulated brokers report every client that leaves.
        library.rd_kafka_conf_set(conf, b"log_level", b"0", error, len(error))
        self._client = library.rd_kafka_new(_PRODUCER, conf, error, len(error))
        if not self._client:
            raise BrokerError(
                f"librdkafka gave no client for the embedded broker: {error.value.decode()}; "
                "use --kafka jvm or --kafka HOST:PORT"
            )
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, self.brokers)
        library.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self._bootstrap = library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def stop(self) -> None:
        """Forget the cluster and everything in it."""
        if self._bootstrap is None:
            return
        self._bootstrap = None
        self._library.rd_kafka_mock_cluster_destroy(self._cluster)
        self._library.rd_kafka_destroy(self._client)

    def create_topic(self, name: str, partitions: int = _DEFAULT_PARTITIONS) -> None:
        """Create a topic, before any client asks for it.

        Raises
        ------
        BrokerError
            When the topic exists already.
        """
        address = self.bootstrap
        code = self._library.rd_kafka_mock_topic_create(
            self._cluster, name.encode(), partitions, min(3, self.brokers)
        )
        if code != 0:
            raise BrokerError(
                f"topic {name} with {partitions} partitions was refused by the embedded broker at "
                f"{address} (error {code}): create it once, before its first reader or writer"
            )


def _load() -> Any:
    # Looked up through the extension module, so that the library is the one it runs with.
    library = ctypes.CDLL(confluent_kafka.cimpl.__file__)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    size = ctypes.c_size_t
    try:
        for name, result, *arguments in (
            ("rd_kafka_conf_new", pointer),
            ("rd_kafka_conf_set", number, pointer, text, text, text, size),
            ("rd_kafka_new", pointer, number, pointer, text, size),
            ("rd_kafka_destroy", None, pointer),
            ("rd_kafka_mock_cluster_new", pointer, pointer, number),
            ("rd_kafka_mock_cluster_destroy", None, pointer),
            ("rd_kafka_mock_cluster_bootstraps", text, pointer),
            ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, pointer, ctypes.c_int32),
            ("rd_kafka_mock_topic_create", number, pointer, text, number, number),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except AttributeError as error:
        raise BrokerError(
            f"this build of confluent-kafka hides librdkafka's mock cluster ({error}): "
            "install its wheel (pip install --only-binary :all: confluent-kafka), "
            "or use --kafka jvm or --kafka HOST:PORT"
        ) from error
    return library
