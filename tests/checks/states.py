"""Stored states are the plain fold of the log, to the bit."""

import hashlib
from collections.abc import Mapping

from checks.verdict import Verdict, short
from schemas import topics
from stream.kafka.clients import read_all
from stream.kafka.snapshots import read_snapshots
from stream.lead.outputs import Output
from stream.lead.progress import META_KEY
from stream.lead.routing import SOURCE_HEADER
from stream.lead.state import StateFormatError
from stream.lead.stored_form import decode_document, offset_of
from stream.models import SnapshotStore
from stream.settings import Settings
from stream.state_repair import fold_log
from stream.stored_states import latest_states


def digest(value: bytes) -> bytes:
    """Return what tells a stored value from others, and is small."""
    return hashlib.blake2b(value, digest_size=16).digest()


async def check_states(
    settings: Settings, verdict: Verdict, idle: Mapping[int, Mapping[bytes, bytes]]
) -> list[Output]:
    """Compare stored states with the plain fold of the log; return the fold's outputs."""
    store = SnapshotStore()
    await read_snapshots(settings, store)
    outputs: list[Output] = []
    for number in range(settings.partitions):
        stored = await latest_states(settings, number)
        until = offset_of(stored[META_KEY]) if META_KEY in stored else 0
        name = settings.topic(topics.LEAD_EVENTS.name)
        verdict.lost += [
            f"{name}/{number}/{r.offset} not folded (states end at {until}): {short(r)}"
            for r in await read_all(settings, name, number, until)
            if SOURCE_HEADER in dict(r.headers)
        ]
        partition, sent = await fold_log(settings, number, settings.house(), store, until)
        outputs += sent
        folded = dict(partition.states.stored())
        for key, known in idle.get(number, {}).items():
            if key not in folded and digest(stored.pop(key, b"")) != known:
                verdict.state_mismatches.append(f"partition {number}, idle {key!r} has changed")
        for key in sorted(stored.keys() | folded.keys()):
            if stored.get(key) != folded.get(key):
                verdict.state_mismatches.append(
                    f"partition {number}, state of {key!r}: "
                    f"{_difference(stored.get(key), folded.get(key))}"
                )
    return outputs


def _difference(stored: bytes | None, folded: bytes | None) -> str:
    """Say what differs, field by field where both are JSON objects."""
    if stored is None or folded is None:
        return "not stored, but folded" if stored is None else "stored, but not folded"
    try:
        ours, theirs = decode_document(stored), decode_document(folded)
    except StateFormatError:
        return f"stored {stored[:200]!r}, folded {folded[:200]!r}"
    return "; ".join(
        f"{name}: stored {short(ours.get(name))}, folded {short(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    )
