"""Logs: for people on a terminal, JSON otherwise; ours and the libraries' alike."""

import logging
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, Literal

import structlog

from stream.lead.state import StateFormatError

_OF_THE_MACHINERY = (OSError, StateFormatError)
"""Errors, beside Kafka's, whose messages help; those of others may quote what a lead sent."""


def fault_of(error: BaseException) -> str:
    """Return what went wrong and where, without the values that it went wrong with.

    >>> fault_of(KeyError("jane@example.com"))
    'KeyError'
    """
    name = type(error).__name__
    if isinstance(error, _OF_THE_MACHINERY) or type(error).__module__ == "aiokafka.errors":
        name = f"{name}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{name} in {frames[-1].name}, line {frames[-1].lineno}" if frames else name


def _without_values(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Write a traceback as places and names of errors: messages and locals may be personal."""
    given = line.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else given
    if given is True:
        error = sys.exc_info()[1]
    parts: list[str] = []
    told: set[int] = set()
    while isinstance(error, BaseException) and id(error) not in told:  # chains may be rings
        told.add(id(error))
        parts += [*traceback.format_tb(error.__traceback__), f"{fault_of(error)}\n"]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if parts:
        line["exception"] = "".join(parts)
    return line


BURST = 10
WINDOW_S = 60.0
"""Of one message, this many lines go out in this time; the next one says how many did not."""


class RateLimit(logging.Filter):
    """Keeps one message that comes again and again from burying the others.

    Parameters
    ----------
    clock
        A monotonic clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line goes out; the first of a new window says what was held back."""
        message = record.msg
        text = str(message.get("event")) if isinstance(message, dict) else str(message)
        now_s = self._clock()
        window = self._seen.get((record.name, text))
        if window is None or now_s - window[0] > WINDOW_S:
            held_back = 0 if window is None else int(window[1]) - BURST
            if len(self._seen) > 1_000:
                self._seen.clear()  # texts that differ each time are not to be counted for ever
            self._seen[record.name, text] = [now_s, 1]
            if held_back > 0:
                if isinstance(message, dict):
                    message["held_back"] = held_back
                else:
                    record.msg = f"{text} [{held_back} more were held back]"
            return True
        window[1] += 1
        return window[1] <= BURST


def configure_logs(level: str, style: Literal["auto", "console", "json"]) -> None:
    """Write log lines of a level and above to standard error."""
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    )
    final: list[Any] = [
        _without_values,
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer])
    )
    handler.addFilter(RateLimit())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    # The engines narrate; what they say below a warning helps only who debugs them.
    for noisy in ("faust", "mode", "aiokafka", "kafka", "asyncio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
