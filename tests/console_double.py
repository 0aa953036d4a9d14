"""The console served with leads that a test makes up."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson

from stream.console.audience import Audience
from stream.console.board import Board
from stream.console.pages import Console
from stream.console.serving import MEASURED
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

    def fill(self) -> None:
        """Let there be a lead, a trigger, a dead letter and a model with a challenger."""
        self.score("L1", 91.0)
        self.score("L2", 61.0)
        at = "2026-03-01T09:00:00Z"
        trigger = {
            "type": "nurture_triggered",
            "trigger_id": "t1",
            "lead_id": "L1",
            "rule": "tier_rose",
            "action": "call",
            "action_probability": 0.9,
            "candidates": [
                {"action": "call", "probability": 0.9},
                {"action": "email", "probability": 0.1},
            ],
            "reasons": [],
            "score": 91.0,
            "tier": "hot",
            "policy": "rules",
            "occurred_at": at,
        }
        letter = {
            "type": "dead_letter",
            "topic": "page-views",
            "partition": 3,
            "offset": 4711,
            "reason": "missing_field",
            "field": "lead_id",
            "message": "lead_id is missing: name the lead, or give an anonymous_id",
            "stage": "route",
            "received_at": at,
        }
        self.board.take("nurture-triggers", orjson.dumps(trigger))
        self.board.take("dead-letters", orjson.dumps(letter))
        quality = dict.fromkeys(MEASURED, ())
        self.models.append(
            {
                "model": "p_convert",
                "serving": "logistic-3",
                "pinned": True,
                "champion": "logistic",
                "decided_by": "rule",
                "kinds": ["hashed_logistic", "logistic"],
                "quality": quality
                | {
                    "contestant_log_loss": [
                        {"labels": {"kind": kind}, "value": 0.4}
                        for kind in ("hashed_logistic", "logistic")
                    ],
                    "auc": [{"labels": {}, "value": 0.87}],
                    "drift_alerts": [{"labels": {"what": "label"}, "value": 1.0}],
                },
                "versions": [{"version": "logistic-3", "examples": 1200, "positives": 80}],
            }
        )

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
