"""What goes wrong between senders and Kafka: late, repeated and damaged events."""

from bisect import bisect
from dataclasses import dataclass, fields
from datetime import timedelta
from itertools import accumulate
from random import Random
from typing import Any, get_args

import orjson

from schemas.topics import DAY_S
from stream.simulator.truth import Flaw

_FLAWS: tuple[Flaw, ...] = get_args(Flaw)
_REQUIRED = {
    "page_view": "url",
    "form_fill": "form_kind",
    "activity": "name",
    "lead_profile": "attributes",
    "stage_change": "stage",
    "outcome": "result",
    "cost": "amount_minor",
}
_UNKNOWN_TYPES = ("pageview", "PAGE_VIEW", "form_submitted", "chat_message")


@dataclass(frozen=True, kw_only=True)
class Imperfections:
    """How often which flaw happens, as shares of the proper events.

    A late event is a proper one that arrives late. Every other flaw comes on top: the proper
    event arrives as well, so that what happened can always be known.

    Parameters
    ----------
    late
        Events that arrive 2 minutes to 12 hours late; outcomes are always punctual.
    late_beyond_a_week
        Share of the late events that arrive 7 to 10 days late.
    duplicate
        Events whose bytes arrive a second time, up to 2 hours later.
    not_json, unknown_type, missing_field, bad_value
        Damaged copies, under an event id of their own.
    in_the_future
        Copies of a sender whose clock is a month to years ahead.
    too_large
        Copies padded to ``too_large_bytes``.
    too_large_bytes
        Size of the padding in bytes.
    form_without_lead_id
        Leads (not events) whose first form knows only visitor and email; the CRM's profile
        brings the lead id minutes later.
    """

    late: float = 0.008
    late_beyond_a_week: float = 0.05
    duplicate: float = 0.01
    not_json: float = 0.002
    unknown_type: float = 0.002
    missing_field: float = 0.002
    bad_value: float = 0.002
    in_the_future: float = 0.001
    too_large: float = 0.0
    too_large_bytes: int = 1_100_000
    form_without_lead_id: float = 0.1

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "too_large_bytes" and not 0 <= value <= 1:
                raise ValueError(f"{field.name}={value!r}: give a share from 0 to 1")
        total = sum(getattr(self, flaw) for flaw in _FLAWS)
        if total > 1:
            raise ValueError(f"the shares of flaws sum to {total:.3f}: lower them to 1 or less")

    @classmethod
    def none(cls) -> "Imperfections":
        """Return a world in which every event arrives once, whole and at once."""
        return cls(
            late=0,
            duplicate=0,
            not_json=0,
            unknown_type=0,
            missing_field=0,
            bad_value=0,
            in_the_future=0,
            form_without_lead_id=0,
        )


class FlawDraw:
    """Draws which flaw an event has, how late it comes, and what its damage looks like."""

    def __init__(self, imperfections: Imperfections, rng: Random) -> None:
        self._imperfections = imperfections
        self._rng = rng
        self._bounds = list(accumulate(getattr(imperfections, flaw) for flaw in _FLAWS))

    def flaw(self) -> Flaw | None:
        """Return the flaw of the next event; None for most."""
        position = self._rng.random()
        if position >= self._bounds[-1]:
            return None
        return _FLAWS[bisect(self._bounds, position)]

    def delay_s(self, flaw: Flaw) -> float:
        """Return how many seconds later a late or repeated event arrives."""
        if flaw == "duplicate":
            return self._log_uniform(1, 7_200)
        if self._rng.random() < self._imperfections.late_beyond_a_week:
            return self._rng.uniform(7.01, 10) * DAY_S
        return self._log_uniform(120, 43_200)

    def damaged(self, flaw: Flaw, body: dict[str, Any]) -> bytes:
        """Return a damaged copy of a proper event, its ``occurred_at`` still a datetime."""
        body = dict(body)
        if flaw == "not_json":
            return self._not_json(orjson.dumps(body))
        if flaw == "unknown_type":
            body["type"] = self._rng.choice(_UNKNOWN_TYPES)
        elif flaw == "missing_field":
            required = _REQUIRED.get(body["type"], "event_id")
            del body[self._rng.choice(("event_id", "occurred_at", required))]
        elif flaw == "bad_value":
            self._spoil(body)
        elif flaw == "in_the_future":
            body["occurred_at"] += timedelta(days=self._log_uniform(30, 3_000))
        elif flaw == "too_large":
            padding = "x" * self._imperfections.too_large_bytes
            body["context"] = {**body.get("context", {}), "padding": padding}
        return orjson.dumps(body)

    def _not_json(self, value: bytes) -> bytes:
        kind = self._rng.randrange(3)
        if kind == 0:
            return value[: self._rng.randrange(1, len(value))]
        if kind == 1:
            return b"<html><body>502 Bad Gateway</body></html>"
        return value.replace(b'"type":"', b'"type":"\xff', 1)

    def _spoil(self, body: dict[str, Any]) -> None:
        kind = self._rng.randrange(4)
        if kind == 0 and body["type"] != "cost":
            # Without the visitor's id, which would still say whose event it is.
            body.pop("anonymous_id", None)
            body["lead_id"] = self._rng.choice(("null", "undefined"))
        elif kind == 1:
            body["event_id"] = "x" * 129
        elif kind == 2 and body["type"] == "page_view":
            body["duration_s"] = "12 s"
        else:
            body["occurred_at"] = body["occurred_at"].replace(tzinfo=None)

    def _log_uniform(self, low: float, high: float) -> float:
        share: float = (high / low) ** self._rng.random()
        return low * share
