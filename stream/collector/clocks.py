"""When an event happened, by the receiver's clock: the sender's clock may be wrong.

Both times that a message carries come from one clock, the sender's, so their difference is right
even where that clock is not: an event happened that long before its message arrived (Segment,
"Spec: Common Fields", timestamps: ``timestamp = receivedAt - (sentAt - originalTimestamp)``).
"""

from datetime import datetime
from typing import Any

from schemas.base import parse_timestamp
from stream.lead.outputs import rfc3339


def occurred_at(happened: Any, sent: Any, received_s: float) -> Any:
    """Return an event's time by the receiver's clock, as RFC 3339.

    Parameters
    ----------
    happened, sent
        When the event happened and when its message was sent, by the sender's clock. Without the
        second, or where it is no time, the first stands as it is; without the first, the event
        happened when it was received. One that is no time is returned as it is, to be refused.
    received_s
        When the message was received, epoch seconds.

    Examples
    --------
    A clock that is a day behind, a message that waited for ten seconds:

    >>> occurred_at("2026-03-01T09:30:00Z", "2026-03-01T09:30:10Z", 1772443810.0)
    '2026-03-02T09:30:00.000000Z'
    """
    if happened is None:
        return rfc3339(received_s)
    at, sent_at = _time(happened), _time(sent)
    if at is None or sent_at is None:
        return happened
    return rfc3339(received_s - (sent_at - at).total_seconds())


def _time(value: Any) -> datetime | None:
    try:
        return parse_timestamp(value) if isinstance(value, str) else None
    except ValueError:
        return None
