"""The job that every peer does, as one writes it by hand around River with a dict per lead.

Validate, keep the lead's state, make the features that leadstream makes, score, give reasons, and
write the same score change; learn from the samples of a lead when its outcome comes. It leaves out
what leadstream does besides: identity, consent, scanners, triggers, timers, late events.
"""

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from river import linear_model, optim, preprocessing

from schemas import topics
from stream.lead.kinds import kinds_of
from stream.lead.point_rules import parse_point_rules
from stream.lead.points import met
from stream.settings import DEFAULT_RULES

HALF_LIVES_S = (86_400.0, 604_800.0)
SESSION_GAP_S = 1_800.0
RECENT_IDS = 128
SAMPLES = 3
PRIOR = math.log(0.02 / 0.98)
PER_POINT = math.log(2.0) / 20.0
PRIOR_STRENGTH = 50.0
TIERS = (("hot", 80.0), ("warm", 50.0))
REASONS = 6

_EVENT = replace(
    topics.PAGE_VIEWS, messages=tuple(m for topic in topics.INPUTS for m in topic.messages)
).adapter()
_RULES = parse_point_rules(DEFAULT_RULES.read_text())
_HALF_LIFE_S = {rule.name: rule.half_life_s for rule in _RULES.rule}
_MOST = {rule.name: rule.max_points or math.inf for rule in _RULES.rule}


class Job:
    """Scores events of leads whose states somebody else keeps."""

    def __init__(self) -> None:
        self._scaler = preprocessing.StandardScaler()
        self._model = linear_model.LogisticRegression(optim.AdaGrad(0.1))
        self._learned = [0, 0]

    def score(self, state: dict[str, Any] | None, value: bytes) -> tuple[dict[str, Any], bytes]:
        """Bring a lead's state up to an event; return it and the score change to send."""
        event = orjson.loads(value)
        _EVENT.validate_json(value)
        at_s = datetime.fromisoformat(event["occurred_at"]).timestamp()
        state = state or _new(at_s)
        if event["event_id"] in state["ids"]:
            return state, b""
        state["ids"] = [*state["ids"][1 - RECENT_IDS :], event["event_id"]]
        if event["type"] == "outcome":
            self._learn(state, event["result"] == "won")
        _apply(state, event, at_s)
        standing = _points(state, at_s)
        x = _features(state, at_s, sum(standing.values()))
        if event["type"] != "outcome":
            state["samples"] = [*state["samples"][1 - SAMPLES :], x]
        return state, self._change(state, event, x, standing)

    def _learn(self, state: dict[str, Any], won: bool) -> None:
        for x in state["samples"]:
            self._scaler.learn_one({k: v for k, v in x.items() if _is_scaled(k, v)})
            self._model.learn_one(self._transformed(x), won)
            self._learned[won] += 1
        state["samples"] = []

    def _transformed(self, x: dict[str, Any]) -> dict[str, float]:
        z = self._scaler.transform_one({k: v for k, v in x.items() if _is_scaled(k, v)})
        for name, value in x.items():
            if isinstance(value, str):
                z[f"{name}={value}"] = 1.0
            elif name.startswith("count"):
                z[name] = value
        return z

    def _change(
        self, state: dict[str, Any], event: dict[str, Any], x: dict[str, Any], standing: Any
    ) -> bytes:
        rarer = min(self._learned)
        weight = rarer / (rarer + PRIOR_STRENGTH)
        z = self._transformed(x)
        known = self._model.weights
        parts = {k: weight * known[k] * v for k, v in z.items() if k in known}
        for rule, points in standing.items():
            parts[f"points:{rule}"] = (1.0 - weight) * PER_POINT * points
        baseline = weight * self._model.intercept + (1.0 - weight) * PRIOR
        log_odds = baseline + math.fsum(parts.values())
        ranked = sorted(parts.items(), key=lambda part: -abs(part[1]))
        reasons = [{"feature": k, "contribution": v} for k, v in ranked[:REASONS]]
        reasons.append({"feature": "other", "contribution": sum(v for _, v in ranked[REASONS:])})
        reasons.append({"feature": "baseline", "contribution": baseline})
        p = _expit(log_odds)
        score = round(100.0 * _expit(log_odds - PRIOR), 2)
        spread = 1.645 * math.sqrt(sum(1.0 / (n + 1.0) for n in self._learned))
        tier = next((name for name, at_least in TIERS if score >= at_least), "cold")
        change = {
            "type": "score_changed",
            "lead_id": event["lead_id"],
            "score": score,
            "previous_score": state["score"],
            "p_convert": p,
            "p_low": _expit(log_odds - spread),
            "p_high": _expit(log_odds + spread),
            "points": round(sum(standing.values()), 2),
            "tier": tier,
            "previous_tier": state["tier"],
            "reasons": reasons,
            "discounted": [],
            "model": "p_convert",
            "model_version": str(sum(self._learned)),
            "model_weight": weight,
            "cause_event_id": event["event_id"],
            "occurred_at": event["occurred_at"],
        }
        state["score"], state["tier"] = score, tier
        return orjson.dumps(change)


def _new(at_s: float) -> dict[str, Any]:
    return {
        "first_at_s": at_s, "last_at_s": at_s, "before_s": at_s, "last": "", "events": 0,
        "sessions": 0, "web_s": 0.0, "dwell_s": 0.0, "pages": [], "attributes": {}, "stage": None,
        "stage_at_s": 0.0, "counts": {}, "ledger": {}, "ids": [], "samples": [], "score": None,
        "tier": None,
    }  # fmt: skip


def _apply(state: dict[str, Any], event: dict[str, Any], at_s: float) -> None:
    state["events"] += 1
    state["before_s"], state["last_at_s"] = state["last_at_s"], at_s
    for kind in (kinds := kinds_of(event)):
        row = state["counts"].get(kind)
        if row is None:
            row = state["counts"][kind] = [0.0, 0.0, 0.0, at_s]
        row[0] += 1.0
        for n, half_life_s in enumerate(HALF_LIVES_S, start=1):
            row[n] = row[n] * 2.0 ** ((row[3] - at_s) / half_life_s) + 1.0
        row[3] = at_s
    if kinds:
        state["last"] = kinds[-1]
    match event["type"]:
        case "page_view" | "form_fill":
            state["sessions"] += at_s - state["web_s"] > SESSION_GAP_S
            state["web_s"] = at_s
            state["dwell_s"] += event.get("duration_s") or 0.0
            page = event.get("url")
            if page and page not in state["pages"]:
                state["pages"].append(page)
        case "lead_profile":
            state["attributes"].update(event["attributes"])
            _hold(state, at_s)
        case "stage_change":
            state["stage"], state["stage_at_s"] = event["stage"], at_s
    for rule in met(_RULES, event):
        points, since_s = state["ledger"].get(rule.name, (0.0, at_s))
        points = points * _decay(rule.name, at_s - since_s) + rule.points
        most = _MOST[rule.name]
        state["ledger"][rule.name] = [min(max(points, -most), most), at_s]


def _hold(state: dict[str, Any], at_s: float) -> None:
    for rule in _RULES.rule:
        if rule.attribute is not None and rule.condition is not None:
            if rule.condition.holds(state["attributes"].get(rule.attribute)):
                state["ledger"].setdefault(rule.name, [rule.points, at_s])
            else:
                state["ledger"].pop(rule.name, None)


def _points(state: dict[str, Any], at_s: float) -> dict[str, float]:
    return {k: p * _decay(k, at_s - since_s) for k, (p, since_s) in state["ledger"].items()}


def _decay(rule: str, age_s: float) -> float:
    half_life_s = _HALF_LIFE_S[rule]
    return 1.0 if half_life_s is None else 2.0 ** (-age_s / half_life_s)


def _features(state: dict[str, Any], at_s: float, points: float) -> dict[str, Any]:
    log1p = math.log1p
    x: dict[str, Any] = {
        "age": log1p(at_s - state["first_at_s"]),
        "since_last_event": log1p(max(0.0, at_s - state["before_s"])),
        "events": log1p(state["events"]),
        "sessions": log1p(state["sessions"]),
        "dwell": log1p(state["dwell_s"]),
        "pages": log1p(len(state["pages"])),
        "points": points,
        "last": state["last"],
    }
    if state["stage"] is not None:
        x["stage"] = state["stage"]
        x["stage_age"] = log1p(at_s - state["stage_at_s"])
    for kind, (plain, day, week, since_s) in state["counts"].items():
        x[f"count:{kind}"] = log1p(plain)
        x[f"count_1d:{kind}"] = log1p(day * 2.0 ** ((since_s - at_s) / HALF_LIVES_S[0]))
        x[f"count_7d:{kind}"] = log1p(week * 2.0 ** ((since_s - at_s) / HALF_LIVES_S[1]))
    for name, value in state["attributes"].items():
        if isinstance(value, str):
            x[f"attribute:{name}"] = value
        else:
            x[f"attribute:{name}"] = float(value)
            x[f"attribute_log:{name}"] = math.copysign(log1p(abs(value)), value)
    return x


def _is_scaled(name: str, value: Any) -> bool:
    return not isinstance(value, str) and not name.startswith("count")


def _expit(log_odds: float) -> float:
    return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))
