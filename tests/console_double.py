"""The console served with leads that a test makes up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from stream.console.audience import Audience
from stream.console.board import Board
from stream.console.pages import Console
from stream.reports.catalogue import REPORTS
from stream.reports.report import Terms
from stream.stored_states import LeadNotFoundError
from stream.web import WebServer


class Double:
    """The console's own handlers, with leads that a test puts on the board."""

    def __init__(self) -> None:
        self.board = Board(b"key")
        self.audience = Audience()
        self.decided: list[tuple[str, str, str | None]] = []
        self.models: list[dict[str, Any]] = []
        self.url = ""

    def score(self, lead_id: str, score: float, **more: Any) -> None:
        """Let a score change."""
        tier = "hot" if score >= 80 else "warm" if score >= 60 else "cold"
        body = {
            "type": "score_changed",
            "lead_id": lead_id,
            "score": score,
            "previous_score": None,
            "p_convert": score / 100,
            "tier": tier,
            "reasons": [{"feature": "visits", "contribution": 0.4, "text": "many visits"}],
            "moved_by": [{"text": "page view: pricing", "change": 0.4}],
            "model_version": "logistic-3",
            "occurred_at": "2026-03-01T09:00:00Z",
            **more,
        }
        change = self.board.take("lead-scores", orjson.dumps(body))
        assert change is not None
        self.audience.tell(change)

    async def explain(self, lead_id: str) -> dict[str, Any]:
        """Return what the worker's explanation looks like."""
        rows = {row["lead_id"]: row for row in self.board.leads()}
        if lead_id not in rows:
            raise LeadNotFoundError(f"no state of lead {lead_id!r}")
        at = "2026-03-01T09:00:00Z"
        return {
            "lead_id": lead_id,
            "score": rows[lead_id]["score"],
            "tier": rows[lead_id]["tier"],
            "p_convert": 0.5,
            "p_low": 0.4,
            "p_high": 0.6,
            "points": 10.0,
            "points_by_rule": {"pricing page": 10.0},
            "reasons": [{"feature": "visits", "contribution": 0.4, "text": "many visits"}],
            "model_version": "logistic-3",
            "model_weight": 1.0,
            "stage": None,
            "segment": None,
            "rule_segments": [],
            "outcome": None,
            "allowed": {"nurturing": True},
            "first_seen_at": at,
            "last_event_at": at,
            "events": 3,
            "journey": [{"occurred_at": at, "what": "page_view:pricing", "points": 10.0}],
            "source": None,
            "open_decisions": [],
        }

    async def decide(self, decision: str, model: str, chosen: str | None) -> str:
        """Note what was decided."""
        if chosen == "unknown":
            raise ValueError("model has no version by 'unknown'")
        self.decided.append((decision, model, chosen))
        return "done"

    async def report(self, name: str) -> Any:
        """Return a report of nothing."""
        return REPORTS[name](Terms("EUR"))


@asynccontextmanager
async def served(token: str | None = None) -> AsyncIterator[Double]:
    """Serve a double on loopback."""
    double = Double()
    console = Console(
        double.board,
        double.audience,
        lambda: double.models,
        double.report,
        double.decide,
        lambda: {"ready": True, "lag_records": 0},
        may_decide=bool(token),
    )
    web = WebServer(
        "127.0.0.1", 0, lambda: True, explain=double.explain, token=token, console=console
    )
    double.url = f"{await web.start()}/console/"
    try:
        yield double
    finally:
        await web.stop()
