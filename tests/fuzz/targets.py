"""What is fuzzed: every decoder that bytes from outside reach, and valid inputs to start from."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from decoder_checks import (
    EXAMPLE,
    PROFILE,
    SERVING,
    SNAPSHOT,
    VIEW,
    check_catalogue,
    check_checkpoint,
    check_examples,
    check_lines,
    check_route,
    check_rules,
    check_segments,
    check_snapshot_record,
    check_state,
    check_stored_state,
    check_topics,
    packed,
    stored_models,
)
from lead_stream import DAY_S, LeadStream, event

from online_models.catalogue import KINDS
from schemas import topics
from schemas.dead_letters import ReasonCode
from schemas.milestones import TextSeen
from stream.lead.actions import DEFAULT_CATALOGUE
from stream.lead.stored_form import read_row
from stream.reports.report import Terms
from stream.reports.topics import TopicsReport
from stream.settings import DEFAULT_RULES
from tests.fuzz.mutations import SEPARATOR

REASONS: tuple[str, ...] = ReasonCode.__args__  # type: ignore[attr-defined]
_TOPICS = [topic.name for topic in topics.INPUTS]
_REPLAYED, _KEYED = 0x40, 0x80


@dataclass(frozen=True)
class Target:
    """A decoder to fuzz.

    Parameters
    ----------
    check
        Takes an input; returns what became of its parts. What it raises is a crash.
    seeds
        Valid inputs.
    outcomes
        All that ``check`` can return.
    share
        Of all inputs.
    """

    check: Callable[[bytes], Counter[str]]
    seeds: Callable[[], list[bytes]]
    outcomes: tuple[str, ...]
    share: float


def _route(data: bytes) -> Counter[str]:
    replayed = bool(data[:1] and data[0] & _REPLAYED)
    return check_route(map(_addressed, data.split(SEPARATOR)), replayed=replayed)


def _addressed(record: bytes) -> tuple[str, bytes | None, bytes | None]:
    selector = record[0] if record else 0
    topic = _TOPICS[(selector & 0x3F) % len(_TOPICS)]
    value = record[1:]
    return topic, value[:40] if selector & _KEYED else None, value or None


def events() -> list[dict[str, Any]]:
    """Return an event of every type of the contract, with all of its fields."""
    of = {"lead_id": "L", "anonymous_id": "v", "context": {"campaign": {"name": "c"}}}
    mail = {"campaign_id": "c", "message_id": "m", "url": "https://example.com", "text": "a@b.co"}
    money = {"value_minor": 4_900, "currency": "EUR"}
    attributes = {"email": "a@b.co", "company_size": 80, "country": "DE", "vip": True, "note": None}
    fields: dict[str, dict[str, Any]] = {
        "page_view": {"url": "https://example.com/pricing", "title": "t", "duration_s": 3.5},
        "form_fill": {"form_id": "f", "form_kind": "demo_request", "email": "a@b.co",
                      "text": "t", "fields": {"q": ["a"]}},
        "activity": {"name": "call", "properties": {"minutes": 3}},
        "lead_profile": {"attributes": attributes},
        "stage_change": {"stage": "negotiation"},
        "outcome": {"result": "won", **money},
        "purchase": {**money, "product": "p"},
        "sales_feedback": {"verdict": "accepted", "reason": "r"},
        "consent": {"purpose": "email", "granted": True},
        "lead_merge": {"into_lead_id": "M"},
        "satisfaction": {"score": 4, "scale_max": 5},
        "cost": {"amount_minor": 5, "currency": "EUR", "channel": "c", "period": "2026-01"},
        "action_result": {"trigger_id": "t", "status": "delivered", "reason": "r"},
    }  # fmt: skip
    types = [kind for topic in topics.INPUTS for kind in topic.types()]
    return [
        event(
            kind, f"e-{kind}", 60.0 * n, **of, **fields.get(kind, mail if "email" in kind else {})
        )
        for n, kind in enumerate(types)
    ]


def _selector(body: dict[str, Any], flags: int = 0) -> bytes:
    number = next(n for n, topic in enumerate(topics.INPUTS) if body["type"] in topic.types())
    return bytes([number | flags])


def _route_seeds() -> list[bytes]:
    records = [_selector(body) + orjson.dumps(body) for body in events()]
    keyed = [_selector(body, _KEYED | _REPLAYED) + orjson.dumps(body) for body in events()]
    pairs = [SEPARATOR.join(two) for two in pairwise(records)]
    return [*records, *keyed, *pairs, SEPARATOR.join(records[:6]), SEPARATOR.join(keyed[-8:])]


def _states(data: bytes) -> Counter[str]:
    is_meta = bool(data[:1] and data[0] & 1)
    return Counter([check_stored_state(data[1:], meta=is_meta)])


def _bodies(stream: LeadStream) -> list[bytes]:
    rows = stream.changelogs[0].items()
    return [bytes([k == b"\0partition"]) + read_row(v).body for k, v in rows]


def _state_seeds() -> list[bytes]:
    stream = LeadStream()
    seeds = []
    for body in events():
        if body["type"] not in {"cost", "erasure"}:
            stream.send(body)
            seeds += _bodies(stream)
    stream.tick(100 * DAY_S)
    seeds += _bodies(stream)
    for seed in seeds:
        if seed[0] == 0:
            check_state(seed[1:])
    return sorted(set(seeds))


def _models(data: bytes) -> Counter[str]:
    value = data[1:]
    match data[0] % 4 if data else 0:
        case 0:
            return Counter([check_snapshot_record(value)])
        case 1:
            return Counter([check_snapshot_record(value, role=True)])
        case 2:
            return Counter([check_checkpoint(value)])
        case _:
            return check_examples(record[1:] for record in data.split(SEPARATOR))


def _model_seeds() -> list[bytes]:
    example = orjson.dumps(EXAMPLE)
    seeds = [
        b"\0" + orjson.dumps(SNAPSHOT), b"\1" + orjson.dumps(SERVING),
        b"\3" + example, SEPARATOR.join([b"\3" + example] * 2),
    ]  # fmt: skip
    for kind in KINDS:
        snapshot, checkpoint = stored_models(kind)
        seeds += [b"\0" + orjson.dumps(snapshot), b"\2" + orjson.dumps(checkpoint)]
    return seeds


def _files(data: bytes) -> Counter[str]:
    content = data[1:].replace(SEPARATOR, b"\n")
    match data[0] % 4 if data else 0:
        case 0:
            return check_lines(content)
        case 1:
            return check_lines(packed(content), ".jsonl.gz")
        case 2:
            return check_lines(packed(content)[: 10 + len(content) // 4], ".jsonl.gz")
        case _:
            return check_lines(content, ".jsonl.gz")


def _file_seeds() -> list[bytes]:
    content = SEPARATOR.join(b" " + orjson.dumps(body) for body in events()[:5])
    return [
        *(bytes([kind]) + content for kind in range(3)), b"\0" + VIEW, b"\1" + PROFILE,
        b"\3" + packed(VIEW), b"\0\xff\xfe" + VIEW.decode().encode("utf-16-le"),
    ]  # fmt: skip


def _rule_seeds() -> list[bytes]:
    text = DEFAULT_RULES.read_bytes()
    rules = [b"[[rule]]" + rule for rule in text.split(b"[[rule]]")[1:]]
    return [text, *rules, b'schema_version = 1\nmin_points = -1e9\n[[rule]]\nname = "x"\n']


def _action_seeds() -> list[bytes]:
    used = (Path(__file__).parents[1] / "faults" / "actions.toml").read_bytes()
    head = used.split(b"[governance]")[0]
    actions = [b"[[action]]" + action for action in head.split(b"[[action]]")[1:]]
    return [DEFAULT_CATALOGUE.read_bytes(), used, head + b"[reward]\nminor_per_point = 5", *actions]


def _segment_seeds() -> list[bytes]:
    segments = [
        b'[[segment]]\nname = "evaluating"\nsequence = ["page_view:pricing", "form_fill"]\n'
        b"within_s = 86_400\nactive_within_s = 604_800\n",
        b'[[segment]]\nname = "gone_quiet"\nwho = { tiers = ["hot"], outcomes = ["open", "won"] }\n'
        b"silent_for_s = 60.5\n",
        b'[[segment]]\nname = "large"\nwho.attributes.company_size = { at_least = 50 }\n',
    ]
    return [b"schema_version = 1\n" + b"".join(segments), *segments]


def _topic_seeds() -> list[bytes]:
    report = TopicsReport(Terms("EUR"))
    for number in range(24):
        words = [("quote", "price", "licence"), ("connector", "sync", "sandbox")][number % 2]
        hashed = f"{number:032x}"
        report.learn(TextSeen(lead_hash=hashed, words=words, occurred_at=datetime.now(UTC)))
    return [orjson.dumps(report.snapshot()), orjson.dumps(report.checkpoint())]


READ = ("accepted", "refused")
TARGETS = {
    "route": Target(_route, _route_seeds, ("accepted", *REASONS), 0.35),
    "states": Target(_states, _state_seeds, READ, 0.2),
    "models": Target(_models, _model_seeds, (*READ, "passed_over"), 0.15),
    "files": Target(_files, _file_seeds, ("named", "unnamed", "refused"), 0.1),
    "rules": Target(lambda data: Counter([check_rules(data)]), _rule_seeds, READ, 0.05),
    "actions": Target(lambda data: Counter([check_catalogue(data)]), _action_seeds, READ, 0.05),
    "topics": Target(lambda data: Counter([check_topics(data)]), _topic_seeds, READ, 0.05),
    "segments": Target(lambda data: Counter([check_segments(data)]), _segment_seeds, READ, 0.05),
}
