"""Why a record is refused before it is read: its header names the reason.

Whoever takes events in for others may know that a message cannot become an event. It appends the
message as it came, so that nothing is lost, and names the reason in a header; ``route`` then makes
a dead letter of it. The reasons are a closed list: what a letter says in plain repeats nothing that
a sender wrote.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from stream.lead.routing import Refusal

REASON_HEADER = "refused"
MAX_MESSAGE_BYTES = 32 * 1024
"""Of one message of the tracking API, as Segment has it."""

REASONS: Mapping[str, Refusal] = MappingProxyType(
    {
        "message_too_large": Refusal(
            "too_large",
            None,
            f"a message has more than {MAX_MESSAGE_BYTES:,} bytes; send long content by reference",
        ),
        "message_no_object": Refusal(
            "bad_value", None, 'a message is a JSON object, like {"type": "track", …}'
        ),
        "message_type_missing": Refusal(
            "missing_field",
            "type",
            "type is required in a batch: page, track, identify, alias, group or screen",
        ),
        "message_type_unknown": Refusal(
            "unknown_type", "type", "type is none of page, track, identify, alias, group, screen"
        ),
    }
)


def given_reason(headers: Iterable[tuple[str, bytes]]) -> Refusal | None:
    """Return why a record is refused, by its headers; None for one that is to be read.

    >>> given_reason([("refused", b"message_type_missing")]).field
    'type'
    >>> given_reason([("refused", b"of my own")]) is None
    True
    """
    for name, value in headers:
        if name == REASON_HEADER:
            return REASONS.get(value.decode("utf-8", "replace"))
    return None
