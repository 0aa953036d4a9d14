"""Messages, models and reports as the small JSON that the console's page shows."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stream.lead.versions import kind_of
from stream.models import SnapshotStore
from stream.reports.report import Report

VERSIONS_SHOWN = 12
NO_REASONS = frozenset({"other", "baseline"})


def top_reason(reasons: Iterable[Mapping[str, Any]]) -> str:
    """Return what adds most to a score, in words; empty where nothing adds to it.

    >>> top_reason([{"feature": "other", "contribution": 2.0, "text": "all else"},
    ...             {"feature": "visits", "contribution": 0.5, "text": "many visits"}])
    'many visits'
    """
    named = [r for r in reasons if r["feature"] not in NO_REASONS and r["contribution"] > 0]
    return str(max(named, key=lambda r: r["contribution"])["text"]) if named else ""


def score_row(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a lead's row after a ``score_changed``, and what the change says of its cause."""
    row = {
        "lead_id": body["lead_id"],
        "score": round(body["score"], 1),
        "previous_score": _rounded(body["previous_score"]),
        "tier": body["tier"],
        "p_convert": round(body["p_convert"], 4),
        "reason": top_reason(body["reasons"]),
        "occurred_at": body["occurred_at"],
    }
    moves = [{"text": m["text"], "change": round(m["change"], 3)} for m in body["moved_by"]]
    change = {name: row[name] for name in ("score", "previous_score", "tier", "occurred_at")}
    return row, {**change, "moved_by": moves, "model_version": body["model_version"]}


def trigger_row(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the console says of a trigger: what was chosen, and among what."""
    names = ("trigger_id", "lead_id", "rule", "action", "channel", "framing", "action_probability")
    more = ("policy", "policy_version", "is_holdout", "score", "tier", "occurred_at", "expires_at")
    row = {name: body.get(name) for name in (*names, *more)}
    return {**row, "candidates": body["candidates"], "reason": top_reason(body["reasons"])}


def letter_row(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the console says of a dead letter: all but what is sealed."""
    names = ("topic", "partition", "offset", "stage", "reason", "field", "message", "received_at")
    return {name: body.get(name) for name in (*names, "endpoint")}


def models_view(
    store: SnapshotStore, measured: Mapping[str, Sequence[tuple[Mapping[str, str], float]]]
) -> list[dict[str, Any]]:
    """Return each model with its newest versions, who serves, and how good it is.

    Parameters
    ----------
    measured
        Metric -> labels and value of each of its series; a learner elsewhere has its own.
    """
    return [
        {
            "model": model,
            "serving": store.serving(model),
            "pinned": store.pinned(model),
            "champion": None if champion is None else champion.kind,
            "decided_by": None if champion is None else champion.decided_by,
            "kinds": sorted({kind_of(version) for version in store.versions(model)}),
            "quality": {
                name: [
                    {"labels": {k: v for k, v in labels.items() if k != "model"}, "value": value}
                    for labels, value in series
                    if labels.get("model") == model
                ]
                for name, series in measured.items()
            },
            "versions": [
                {
                    "version": version,
                    "examples": (document := store.document(model, version))["examples"],
                    "positives": document["positives"],
                }
                for version in reversed(store.versions(model)[-VERSIONS_SHOWN:])
            ],
        }
        for model in store.models()
        for champion in (store.champion(model),)
    ]


def report_view(report: Report, today: int) -> dict[str, Any]:
    """Return a report as sentences, tables and plots.

    Parameters
    ----------
    today
        The present day, counted from 1970-01-01.
    """
    figures = report.figures(today)
    view = report.view(figures)
    return {
        "name": report.name,
        "sentences": list(view.sentences),
        "tables": [table._asdict() for table in view.tables],
        "plots": [bars._asdict() for bars in report.plots(figures)],
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 1)
