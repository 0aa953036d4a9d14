"""What an endpoint answered to an attempt, and what that says of it."""

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_S = 86_400.0
_OF_THE_MESSAGE = frozenset({400, 409, 413, 415, 422})
"""Answers by which a receiver refuses this message, and is well otherwise."""
_THROTTLE = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of one attempt.

    Parameters
    ----------
    status
        HTTP's; None where nothing came.
    fault
        Why nothing came, in words that name no person.
    retry_after_s
        Seconds that the receiver asked to be left alone for.
    """

    status: int | None = None
    fault: str = ""
    retry_after_s: float | None = None

    @property
    def is_taken(self) -> bool:
        """Whether the message has arrived: 2xx."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more messages: 410."""
        return self.status == 410

    @property
    def refuses_message(self) -> bool:
        """Whether it is this message that was refused, by a receiver that is well."""
        return self.status in _OF_THE_MESSAGE

    @property
    def pause_s(self) -> float | None:
        """Seconds for which the whole endpoint is to be left alone, where it said so."""
        return self.retry_after_s if self.status in _THROTTLE else None

    @property
    def outcome(self) -> str:
        """What metrics count this under."""
        if self.is_taken:
            return "delivered"
        if self.status is None:
            return "no_answer"
        return f"status_{self.status}" if self.status in {410, 429} else f"{self.status // 100}xx"

    @property
    def words(self) -> str:
        """What people read: ``answered 503``."""
        return self.fault if self.status is None else f"answered {self.status}"


def parse_retry_after(value: str | None, now_s: float) -> float | None:
    """Return the seconds of a ``Retry-After`` header: a number, or a date (RFC 9110, 10.2.3).

    What cannot be read is none, what lies beyond a day is a day.

    Parameters
    ----------
    now_s
        The clock, epoch seconds.

    Examples
    --------
    >>> parse_retry_after("120", 0.0)
    120.0
    >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10.0)
    50.0
    >>> parse_retry_after("soon", 0.0)
    """
    if value is None:
        return None
    text = value.strip()
    try:
        if text.isascii() and text.isdigit():
            wait_s = float(text[:16])
        else:
            wait_s = parsedate_to_datetime(text).timestamp() - now_s
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), MAX_RETRY_AFTER_S) if math.isfinite(wait_s) else None
