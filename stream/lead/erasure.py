"""What is left of an erased lead: keyed hashes that keep old events away, and an audit record."""

import hmac
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import topics
from stream.lead.hashing import address_hash, stable_id
from stream.lead.outputs import Output, cloud_event, rfc3339
from stream.lead.stored_form import encode_row

ERASED_PREFIX = b"\x00erased/"
"""Begins the changelog keys of erased addresses; their keyed hash follows."""

REMAINS: Mapping[str, str] = {
    topics.PAGE_VIEWS.name: "events as they were sent",
    topics.EMAIL_EVENTS.name: "events as they were sent",
    topics.FORM_FILLS.name: "events as they were sent",
    topics.LEAD_ACTIVITIES.name: "events as they were sent",
    topics.CRM_UPDATES.name: "events as they were sent",
    topics.NURTURE_FEEDBACK.name: "events as they were sent",
    topics.LEAD_FORWARDS.name: "events and histories, email addresses hashed",
    topics.LEAD_EVENTS.name: "events, email addresses hashed",
    topics.LEAD_STATES.name: "keyed hashes of the erased addresses, so that old events do not "
    "bring the lead back; the state itself until Kafka compacts the partition",
    topics.LEAD_SCORES.name: "scores and changes of segment sent",
    topics.NURTURE_TRIGGERS.name: "triggers sent",
    topics.TRAINING_EXAMPLES.name: "scored vectors without the lead's id, those of a won deal "
    "beside its value and touchpoints, those that segments are learned by with its keyed hash; "
    "attributes are in them; words of texts, with that hash",
    topics.MODEL_SNAPSHOTS.name: "weights learned of many leads; words that ten leads wrote",
    topics.MODEL_CHECKPOINTS.name: "weights learned of many leads; the vector that segments and "
    "the words that topics were learned by until the next checkpoint replaces them, and Kafka "
    "compacts the partition",
    topics.DEAD_LETTERS.name: "refused events, sealed",
    topics.DEAD_LETTER_REPLAYS.name: "where refused events stood that were sent again",
    topics.ERASURES.name: "this record",
    topics.WEBHOOK_DELIVERIES.name: "scores and triggers that an endpoint has not taken yet",
    topics.PERSONALIZER_EVENTS.name: "what was ranked: features as the caller sent them, who is "
    "asked not to name anybody in them",
}
"""Topic -> what of an erased lead stays there until its retention ends."""


def erasure_key(email_key: bytes) -> bytes:
    """Return the secret that erased addresses are hashed with, derived from the emails' one."""
    return hmac.digest(email_key, b"leadstream erasure", "sha256")


@dataclass(frozen=True, slots=True)
class Erased:
    """When an address was erased: events up to ``at_s`` are dropped; asked for at ``asked_s``.

    The two differ, since a sender's clock says when erasure was asked for, and what arrived by
    the time that it took place is to stay away as well.
    """

    at_s: float
    asked_s: float


class Erasures:
    """The erased addresses of a partition, known by their keyed hashes alone.

    Parameters
    ----------
    key
        The secret to hash with.

    Examples
    --------
    >>> erasures = Erasures(b"key")
    >>> _ = erasures.add("L", Erased(100.0, 90.0))
    >>> erasures.covers("L", 100.0), erasures.covers("L", 101.0), erasures.covers("M", 50.0)
    (True, False, False)
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._entries: dict[str, Erased] = {}
        self._before: dict[str, Erased | None] = {}
        # Nearly all events are younger than the last erasure: those need no hash.
        self._latest_s = -math.inf

    def __len__(self) -> int:
        return len(self._entries)

    def hash_of(self, address: str) -> str:
        """Return an address's keyed hash."""
        return address_hash(address, self._key)

    def get(self, address: str) -> Erased | None:
        """Return when an address was erased, if it was."""
        return self._entries.get(self.hash_of(address)) if self._entries else None

    def covers(self, address: str, at_s: float) -> bool:
        """Tell whether what happened then under an address is not to come back."""
        if at_s > self._latest_s:
            return False
        erased = self.get(address)
        return erased is not None and at_s <= erased.at_s

    def add(self, address: str, erased: Erased) -> str:
        """Note an erasure; return the hash that it is kept under."""
        hashed = self.hash_of(address)
        self._put(hashed, erased)
        return hashed

    def record(self, hashed: str) -> tuple[bytes, bytes]:
        """Return an entry's changelog record."""
        entry = self._entries[hashed]
        document = {"erased_at_s": entry.at_s, "asked_at_s": entry.asked_s}
        return ERASED_PREFIX + hashed.encode(), encode_row(document, None, 0)

    def restore(self, key: bytes, document: Mapping[str, Any]) -> None:
        """Take an entry back from its changelog record."""
        hashed = key.removeprefix(ERASED_PREFIX).decode()
        self._put(hashed, Erased(document["erased_at_s"], document["asked_at_s"]))

    def adopt(self, entries: Mapping[str, Sequence[float]]) -> Iterable[str]:
        """Take over another partition's entries, hash -> [at, asked]; return their hashes."""
        for hashed, (at_s, asked_s) in entries.items():
            self._put(hashed, Erased(at_s, asked_s))
        return entries

    def committed(self) -> None:
        """Note that what was added will not be taken back."""
        self._before = {}

    def rollback(self) -> None:
        """Take back what was added since the last commit."""
        for hashed, former in self._before.items():
            if former is None:
                del self._entries[hashed]
            else:
                self._entries[hashed] = former
        self._before = {}

    def records(self) -> dict[bytes, bytes]:
        """Return all entries as the changelog has them."""
        return dict(self.record(hashed) for hashed in self._entries)

    def _put(self, hashed: str, erased: Erased) -> None:
        known = self._entries.get(hashed)
        self._before.setdefault(hashed, known)
        if known is not None:
            erased = Erased(max(known.at_s, erased.at_s), max(known.asked_s, erased.asked_s))
        self._entries[hashed] = erased
        self._latest_s = max(self._latest_s, erased.at_s)


def lead_erased(lead_hash: str, addresses: int, event_id: str, erased: Erased) -> Output:
    """Return the audit record of an erasure; it names nobody.

    Parameters
    ----------
    lead_hash
        The keyed hash of the lead's address.
    addresses
        How many addresses were the lead's: its own, visitors, email hashes, merged leads.
    event_id
        The id of the event that asked for it.
    """
    body = {
        "type": "lead_erased",
        "erasure_id": stable_id("erasure", event_id),
        "lead_hash": lead_hash,
        "addresses": addresses,
        "erased_at": rfc3339(erased.at_s),
        "remains": [
            {"topic": topic.name, "what": REMAINS[topic.name], "until": _until(topic, erased.at_s)}
            for topic in _in_order()
        ],
        "occurred_at": rfc3339(erased.asked_s),
    }
    ce_id = stable_id("lead_erased", event_id, lead_hash)
    return cloud_event(topics.ERASURES, lead_hash, ce_id, body, "")


def _in_order() -> Iterable[topics.Topic]:
    return (topic for topic in topics.TOPICS if topic.name in REMAINS)


def _until(topic: topics.Topic, erased_s: float) -> str | None:
    return None if topic.retention_s is None else rfc3339(erased_s + topic.retention_s)
