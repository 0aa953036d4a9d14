"""What a drift costs, and how often one is told that is not there: few seeds here, all on demand.

``LEADSTREAM_DRIFT_SEEDS=100`` runs as many; ``python -m pytest -s`` then prints the table.
"""

import json
import math
import os
from collections.abc import Iterator
from random import Random
from statistics import median
from typing import Any, NamedTuple

import pytest

from online_models.catalogue import build_model
from online_models.drift import LOSS, DriftMonitor
from online_models.successor import Successor

SEEDS = int(os.environ.get("LEADSTREAM_DRIFT_SEEDS", "6"))
FLIP = 5_000
AFTER = 2_000
WINDOW = 500
KINDS = ["bayesian_logistic", "logistic"]
REACTIONS = ["tell", "raise_learning_rate", "replace"]

Example = tuple[dict[str, float | str], bool]


def examples(n: int, seed: int, flip: int) -> Iterator[Example]:
    """Yield leads; from ``flip`` on what spoke for converting speaks as much against it."""
    rng = Random(seed)
    effects = {"page_view": -1.0, "email_open": 1.0}
    for i in range(n):
        x: dict[str, float | str] = {"age": rng.gauss(2.0, 1.5), "points": rng.randrange(-20, 60)}
        log_odds = 0.8 * (x["age"] - 2.0) + 0.03 * (x["points"] - 20.0)
        if rng.random() < 0.7:
            x["last"] = rng.choice(["page_view", "email_open", f"kind {rng.randrange(40)}"])
            log_odds += effects.get(x["last"], 0.0)
        if rng.random() < 0.5:
            x["count_1d:page_view"] = 3.0 * rng.random()
            log_odds += 0.6 * (x["count_1d:page_view"] - 1.5)
        if rng.random() < 0.5:
            x["attribute_log:size"] = rng.uniform(0.0, 6.0)
            log_odds += 0.3 * (x["attribute_log:size"] - 3.0)
        if i >= flip:
            log_odds = -log_odds
        yield x, rng.random() < 1.0 / (1.0 + math.exp(0.8 - log_odds))


class Learning:
    """A model, its monitor, and a reaction to the loss alert: what a learner does."""

    def __init__(self, kind: str, reaction: str) -> None:
        self.kind, self.reaction = kind, reaction
        self.model = build_model(kind)
        self.monitor = DriftMonitor()
        self.successor: Successor | None = None
        self.losses: list[float] = []
        self.told: list[tuple[int, str, str]] = []
        self.taken_over: list[int] = []

    def branch(self, reaction: str) -> "Learning":
        """Return one that goes on from here by another reaction."""
        other = Learning(self.kind, reaction)
        other.model = build_model(self.kind, self.model.checkpoint())
        other.monitor = DriftMonitor.restore(self.monitor.checkpoint())
        other.losses, other.told = list(self.losses), list(self.told)
        return other

    def learn(self, x: dict[str, float | str], y: bool) -> None:
        p = self.model.predict_proba_one(x)
        self.losses.append(-math.log(max(1e-12, p if y else 1.0 - p)))
        alerts = self.monitor.update(y, p, x)
        self.model.learn_one(x, y)
        self.told += [(len(self.losses), *alert) for alert in alerts]
        if self.successor is not None and self.successor.update(y, p, x):
            self.model, self.successor = self.successor.model, None
            self.monitor.relearning()
            self.taken_over.append(len(self.losses))
        if any(alert.what == LOSS for alert in alerts):
            self.react()

    def react(self) -> None:
        if self.reaction == "raise_learning_rate":
            self.model.widen()
            self.monitor.relearning()
        elif self.reaction == "replace":
            self.successor = Successor(build_model(self.kind))

    def rolling(self, end: int) -> float:
        return sum(self.losses[end - WINDOW : end]) / WINDOW


class Outcome(NamedTuple):
    before: float
    peak: float
    after: float
    loss_alerts: list[int]
    other_alerts: list[tuple[int, str, str]]
    taken_over: list[int]


def outcome(learning: Learning) -> Outcome:
    end = FLIP + AFTER
    return Outcome(
        learning.rolling(FLIP),
        max(learning.rolling(n) for n in range(FLIP, end + 1, 20)),
        learning.rolling(end),
        [n - FLIP for n, what, _ in learning.told if what == LOSS],
        [told for told in learning.told if told[1] != LOSS],
        learning.taken_over,
    )


def run_of(kind: str, seed: int) -> tuple[dict[str, Outcome], list[tuple[int, str, str]]]:
    """Return what came of the flip by reaction, and what was told where nothing changed.

    Both streams are the same up to the flip, so that far is learned once.
    """
    common = Learning(kind, "tell")
    for x, y in examples(FLIP, seed, FLIP):
        common.learn(x, y)
    by_reaction = {}
    for reaction in REACTIONS:
        learning = common.branch(reaction)
        for x, y in list(examples(FLIP + AFTER, seed, FLIP))[FLIP:]:
            learning.learn(x, y)
        by_reaction[reaction] = outcome(learning)
    for x, y in list(examples(2 * FLIP, seed, 2 * FLIP))[FLIP:]:
        common.learn(x, y)
    return by_reaction, common.told


def summary(kind: str, runs: list[Any]) -> Iterator[dict[str, Any]]:
    for reaction in REACTIONS:
        found: list[Outcome] = [by_reaction[reaction] for by_reaction, _ in runs]
        first = [min((d for d in o.loss_alerts if d >= 0), default=None) for o in found]
        yield {
            "kind": kind,
            "reaction": reaction,
            "seeds": len(runs),
            "before": round(median(o.before for o in found), 3),
            "peak": round(median(o.peak for o in found), 3),
            "after": round(median(o.after for o in found), 3),
            "ratio": round(median(o.after / o.before for o in found), 3),
            "within_a_tenth": sum(o.after <= 1.1 * o.before for o in found) / len(found),
            "fired": sum(d is not None for d in first) / len(found),
            "delay": median(d for d in first if d is not None),
            "latest": max(d for d in first if d is not None),
            "taken_over": sum(bool(o.taken_over) for o in found) / len(found),
            "silent_without_drift": sum(not told for _, told in runs) / len(runs),
        }


@pytest.mark.timeout(0 if SEEDS > 6 else 240)
@pytest.mark.parametrize("kind", KINDS)
def test_a_flip_is_told_and_mended_and_nothing_is_told_without_one(kind):
    runs = []
    for seed in range(SEEDS):
        runs.append(run_of(kind, seed))
        print(json.dumps([kind, seed, *runs[-1]]), flush=True)
    for row in summary(kind, runs):
        print(json.dumps(row), flush=True)
        assert row["fired"] >= 0.95
        assert row["delay"] <= 200
        assert row["silent_without_drift"] >= 0.95
        if row["reaction"] == "tell":
            assert row["ratio"] > 1.2  # without a reaction the loss stays up: there is work to do
        else:
            assert row["ratio"] <= 1.1
