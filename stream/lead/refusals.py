"""Records of the log that are refused: the dead letters that tell their senders."""

import contextlib
from collections.abc import Mapping

from schemas import topics
from stream.lead.house import House
from stream.lead.identity import MAX_HOPS
from stream.lead.outputs import Origin, Output, dead_letter
from stream.lead.records import Record
from stream.lead.routing import FAULT_OF_OURS, SOURCE_HEADER


def origin_of(headers: Mapping[str, bytes], record: Record) -> Origin | None:
    """Return where a record of the log came from; None for a control record.

    Raises
    ------
    ValueError
        If the record's headers do not say it as ``route`` does.
    """
    source = headers.get(SOURCE_HEADER)
    if source is None:
        return None
    topic, partition, offset = source.decode().rsplit("/", 2)
    return Origin(topic, int(partition), int(offset), record.timestamp / 1000.0)


def too_late(house: House, record: Record, occurred_at: str) -> Output:
    """Refuse an event that is later than the grace."""
    late = f"more than {house.late_grace_s:g} s late; raise the grace or send sooner"
    return _letter(
        house,
        record,
        "too_late",
        "occurred_at",
        f"occurred_at is {late}",
        f"occurred_at {occurred_at} is {late}",
    )


def chain_too_long(house: House, record: Record, hops: int) -> Output:
    """Refuse an event that was forwarded too often."""
    return _letter(
        house,
        record,
        "forward_chain",
        "lead_id",
        f"{hops} forwarding addresses in a row, at most {MAX_HOPS}; "
        "merge the leads into one directly",
    )


def cannot_apply(house: House, record: Record) -> Output:
    """Refuse a record that the fold failed at."""
    fault = FAULT_OF_OURS
    return _letter(house, record, fault.reason, fault.field, fault.message)


def _letter(
    house: House,
    record: Record,
    reason: str,
    field: str | None,
    message: str,
    detail: str | None = None,
) -> Output:
    origin = None
    with contextlib.suppress(ValueError):  # its very headers may be what is wrong
        origin = origin_of(dict(record.headers), record)
    return dead_letter(
        house.sealer,
        origin or Origin(topics.LEAD_EVENTS.name, -1, record.offset, record.timestamp / 1000.0),
        record.key,
        record.value or b"",
        stage="score",
        reason=reason,
        field=field,
        message=message,
        detail=detail,
    )
