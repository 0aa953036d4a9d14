"""What every development broker offers: an address, what it can do, start and stop."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Literal, Self

from stream.expected import ExpectedError

BrokerKind = Literal["jvm", "embedded", "docker", "external"]

EMULATED_FETCH_WAIT_MS = 10


class BrokerError(ExpectedError, RuntimeError):
    """A development broker cannot be had; the message says why and what to do."""


class Broker(ABC):
    """A Kafka to talk to, usable as a context manager.

    Attributes
    ----------
    kind
        How it runs: ``jvm``, ``embedded``, ``docker`` or ``external``.
    version
        The version of the server, or ``unknown``.
    has_transactions
        Whether transactions work, offsets inside them included.
    has_admin
        Whether topics can be created, described and configured.
    fetch_max_wait_ms
        How long to let it wait for records: an emulated one answers only when that is over.
    """

    kind: BrokerKind
    version: str
    has_transactions: bool
    has_admin: bool
    fetch_max_wait_ms: int = 500

    _bootstrap: str | None = None

    @property
    def bootstrap(self) -> str:
        """The address for clients, ``host:port`` or several with commas between them."""
        if self._bootstrap is None:
            raise BrokerError(
                f"the {self.kind} broker has no address yet: call start() or use it in a with block"
            )
        return self._bootstrap

    @abstractmethod
    def start(self) -> None:
        """Start, and return once the broker answers; does nothing on a running broker."""

    @abstractmethod
    def stop(self) -> None:
        """Stop what start() began; does nothing on a stopped broker."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._bootstrap or 'stopped'}>"
