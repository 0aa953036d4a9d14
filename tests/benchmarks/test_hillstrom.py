"""Whom an email moves to visit: online learners of uplift beside an offline one, on real customers.

Hillstrom's e-mail challenge (MineThatData 2008): customers were dealt by chance to an email with
women's goods, one with men's, or none. Women's against none; the outcome is a visit within two
weeks. Half of the customers are learned, in one pass, and the others ranked; ten times.

Qini: T-learner .0665, S-learner .0675, X-learner .0624, offline T-learner .0696, by chance .0025.
The X-learner is not asked to come as near as the others.

    pytest -s tests/benchmarks/test_hillstrom.py
"""

import csv
import gzip
import math
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from online_models.protocols import Features
from online_models.qini import qini_coefficient, uplift_at
from online_models.uplift import SLearner, TLearner, UpliftLearner
from online_models.x_learner import XLearner

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(600)]
SPLITS = 10
EMAILED, HELD_OUT = "Womens E-Mail", "No E-Mail"
NUMBERS = ("recency", "log_history", "mens", "womens", "newbie")
TEXTS = ("zip_code", "channel")


class Customers(NamedTuple):
    """Those of both arms."""

    x: list[Features]
    is_treated: np.ndarray
    y: np.ndarray


@cache
def customers(path: Path) -> Customers:
    x: list[Features] = []
    is_treated, y = [], []
    with gzip.open(path, "rt") as file:
        for row in csv.DictReader(file):
            if row["segment"] not in {EMAILED, HELD_OUT}:
                continue
            row["log_history"] = str(math.log1p(float(row["history"])))
            x.append({n: float(row[n]) for n in NUMBERS} | {n: row[n] for n in TEXTS})
            is_treated.append(row["segment"] == EMAILED)
            y.append(row["visit"] == "1")
    return Customers(x, np.array(is_treated), np.array(y))


def halves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return who is learned, in which order, and who is ranked."""
    order = np.random.default_rng(seed).permutation(count)
    return order[: count // 2], order[count // 2 :]


def design(x: list[Features]) -> np.ndarray:
    """Return the same features as a matrix: standardised numbers, one-hot texts, a one."""
    columns = [np.ones(len(x))]
    for name in NUMBERS:
        values = np.array([row[name] for row in x], dtype=float)
        columns.append((values - values.mean()) / values.std())
    for name in TEXTS:
        values = np.array([row[name] for row in x])
        columns.extend((values == text).astype(float) for text in np.unique(values)[1:])
    return np.stack(columns, axis=1)


def offline_logistic(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the most probable weights, by iteratively reweighted least squares; ridge of 1."""
    weights, ridge = np.zeros(x.shape[1]), np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    for _ in range(12):
        p = 1.0 / (1.0 + np.exp(-x @ weights))
        hessian = (x.T * (p * (1.0 - p))) @ x + ridge
        weights += np.linalg.solve(hessian, x.T @ (y - p) - ridge @ weights)
    return weights


class Result(NamedTuple):
    """What each split has come to."""

    qini: list[float]
    uplift_at_30: list[float]

    def line(self, name: str) -> str:
        return (
            f"{name:24} Qini {np.mean(self.qini):.4f} ± {np.std(self.qini, ddof=1):.4f}   "
            f"uplift at 30 % {np.mean(self.uplift_at_30):.4f}"
        )


def judge(data: Customers, predict: Callable[[int, np.ndarray, np.ndarray], np.ndarray]) -> Result:
    """Have half of the customers learned and the others ranked, ten times."""
    qini, first = [], []
    for seed in range(SPLITS):
        learned, asked = halves(len(data.y), seed)
        uplift = predict(seed, learned, asked)
        outcome, treated = data.y[asked], data.is_treated[asked]
        qini.append(qini_coefficient(outcome, treated, uplift))
        first.append(uplift_at(0.3, outcome, treated, uplift))
    return Result(qini, first)


@cache
def offline(path: Path) -> Result:
    data = customers(path)
    x = design(data.x)

    def predict(_seed: int, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
        arms = (learned[data.is_treated[learned]], learned[~data.is_treated[learned]])
        treated, untreated = (offline_logistic(x[arm], data.y[arm]) for arm in arms)
        return 1 / (1 + np.exp(-x[asked] @ treated)) - 1 / (1 + np.exp(-x[asked] @ untreated))

    return judge(data, predict)


@cache
def by_chance(path: Path) -> Result:
    return judge(
        customers(path),
        lambda seed, _learned, asked: np.random.default_rng(1_000 + seed).random(len(asked)),
    )


@cache
def online(path: Path, new: type[TLearner | SLearner | XLearner]) -> Result:
    """Judge a learner that passes once over who is learned; print it beside the others."""
    data = customers(path)
    learned_count, learning_s, undisturbed = 0, 0.0, 0

    def predict(_seed: int, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
        nonlocal learned_count, learning_s, undisturbed
        learner: UpliftLearner = new()
        rows = [(data.x[n], bool(data.is_treated[n]), bool(data.y[n])) for n in learned]
        begun_s = time.process_time()
        for x, is_treated, y in rows:
            learner.learn_one(x, is_treated, y, treated_probability=0.5)
        learning_s += time.process_time() - begun_s
        learned_count += len(rows)
        uplifts = [learner.predict_uplift_one(data.x[n]) for n in asked]
        undisturbed += sum(uplift.do_not_disturb for uplift in uplifts)
        return np.array([uplift.effect for uplift in uplifts])

    result = judge(data, predict)
    print()
    print(by_chance(path).line("by chance"))
    print(offline(path).line("offline T, logistic"))
    print(result.line(f"online {new.__name__}"))
    print(
        f"{'':24} {learned_count / learning_s:,.0f} customers learned a CPU-second, "
        f"{undisturbed / SPLITS:.1f} of {len(data.y) // 2:,} not to be disturbed"
    )
    return result


@pytest.mark.parametrize("new", [TLearner, SLearner])
def test_online_learners_rank_customers_nearly_as_well_as_an_offline_t_learner(data_file, new):
    path = data_file("hillstrom.csv.gz")
    assert np.mean(online(path, new).qini) >= np.mean(offline(path).qini) - 0.005


@pytest.mark.parametrize("new", [TLearner, SLearner, XLearner])
def test_online_learners_rank_customers_better_than_chance_in_every_split(data_file, new):
    path = data_file("hillstrom.csv.gz")
    pairs = zip(online(path, new).qini, by_chance(path).qini, strict=True)
    assert all(ranked > chance for ranked, chance in pairs)


def test_a_ranking_by_chance_is_worth_nothing(data_file):
    chance = by_chance(data_file("hillstrom.csv.gz"))
    assert abs(np.mean(chance.qini)) < 3.0 * np.std(chance.qini, ddof=1) / math.sqrt(SPLITS)
    assert np.mean(offline(data_file("hillstrom.csv.gz")).qini) > 0.04
