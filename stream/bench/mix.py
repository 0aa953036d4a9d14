"""The mix of events that benchmarks send: the same for everybody, from a seed."""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from schemas import topics
from stream.lead.outputs import rfc3339

SHARES: dict[str, int] = {
    "page_view": 70,
    "email_open": 10,
    "email_click": 5,
    "activity": 5,
    "form_fill": 4,
    "lead_profile": 3,
    "stage_change": 2,
    "outcome": 1,
}
"""Of a hundred events, how many are of each type; every one changes its lead's score."""

START_S = datetime(2026, 1, 5, tzinfo=UTC).timestamp()
SECONDS_BETWEEN_VISITS = 1_800.0
"""Mean time between two events of a lead: long enough for sessions and decay to matter."""
WON_SHARE = 0.25

_SECTIONS = ("pricing", "product", "docs", "blog", "case-studies", "careers", "")
_FORMS = ("newsletter", "download", "webinar", "contact", "demo_request")
_INDUSTRIES = ("software", "manufacturing", "retail", "finance", "health")
_TOPIC_OF = {kind: topic.name for topic in topics.INPUTS for kind in topic.types()}


@dataclass(frozen=True, slots=True)
class MixedEvent:
    """An event to send: the topic that carries its type, its lead, and its value."""

    topic: str
    lead_id: str
    value: bytes


def mixed_events(
    count: int, leads: int, seed: int = 1, first: int = 0, start_s: float = START_S
) -> Iterator[MixedEvent]:
    """Yield so many events of so many leads, all ids random UUIDs.

    Parameters
    ----------
    count
        How many events.
    leads
        How many leads take turns at random; their ids depend on the seed alone.
    first
        How many events of this mix came before: time goes on from there.
    start_s
        The time of the mix's very first event, epoch seconds.

    Examples
    --------
    >>> events = list(mixed_events(1_000, leads=50))
    >>> len({event.lead_id for event in events})
    50
    >>> events == list(mixed_events(1_000, leads=50))
    True
    """
    names = random.Random(f"{seed} leads")  # noqa: S311 - the same for everybody
    ids = [_uuid(names) for _ in range(leads)]
    rng = random.Random(f"{seed} {first}")  # noqa: S311
    kinds, weights = list(SHARES), list(SHARES.values())
    step_s = SECONDS_BETWEEN_VISITS / leads
    for number in range(first, first + count):
        (kind,) = rng.choices(kinds, weights)
        lead_id = rng.choice(ids)
        event = {
            "type": kind,
            "event_id": _uuid(rng),
            "occurred_at": rfc3339(start_s + number * step_s),
            "lead_id": lead_id,
            **_fields(kind, rng),
        }
        yield MixedEvent(_TOPIC_OF[kind], lead_id, orjson.dumps(event))


def _fields(kind: str, rng: random.Random) -> dict[str, Any]:
    match kind:
        case "page_view":
            url = f"https://example.com/{rng.choice(_SECTIONS)}"
            return {"url": url, "title": "A page", "duration_s": round(rng.expovariate(1 / 40), 1)}
        case "email_open" | "email_click":
            link = {"url": "https://example.com/pricing"} if kind == "email_click" else {}
            return {"campaign_id": "spring", "message_id": _uuid(rng), **link}
        case "activity":
            return {"name": rng.choice(("call", "webinar_attended", "chat")), "properties": {}}
        case "form_fill":
            return {"form_id": "form-1", "form_kind": rng.choice(_FORMS), "fields": {}}
        case "lead_profile":
            size, industry = rng.choice((8, 40, 250, 3_000)), rng.choice(_INDUSTRIES)
            return {"attributes": {"company_size": size, "industry": industry}}
        case "stage_change":
            return {"stage": rng.choice(("mql", "sql", "opportunity"))}
        case _:
            return {"result": "won" if rng.random() < WON_SHARE else "lost"}


def _uuid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
