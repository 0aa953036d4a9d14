import math
from random import Random

import pytest

from online_models.metrics import RollingQuality, auc, calibration_error, log_loss


def drawn(seed, n=60):
    rng = Random(seed)
    return [rng.random() < 0.3 for _ in range(n)], [rng.randrange(12) / 12 for _ in range(n)]


def brute_auc(y, p):
    pairs = [(a, b) for a, la in zip(p, y, strict=True) if la
             for b, lb in zip(p, y, strict=True) if not lb]  # fmt: skip
    return sum(1.0 if a > b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs)


@pytest.mark.parametrize("seed", range(20))
def test_auc_is_the_share_of_pairs_ranked_right(seed):
    y, p = drawn(seed)
    assert auc(y, p) == pytest.approx(brute_auc(y, p), abs=1e-12)


@pytest.mark.parametrize("y", [[], [True], [False, False]])
def test_one_class_has_no_auc(y):
    assert auc(y, [0.5] * len(y)) is None


@pytest.mark.parametrize("seed", range(5))
def test_log_loss_is_the_mean_of_the_logs(seed):
    y, p = drawn(seed)
    p = [0.01 + 0.98 * q for q in p]
    expected = -sum(math.log(q if t else 1 - q) for t, q in zip(y, p, strict=True)) / len(y)
    assert log_loss(y, p) == pytest.approx(expected)


def test_log_loss_of_certainty_that_was_wrong_is_large_and_finite():
    assert 20 < log_loss([True, False], [0.0, 1.0]) < 40
    assert log_loss([True], [1.0]) == pytest.approx(0.0, abs=1e-9)
    assert log_loss([], []) is None


@pytest.mark.parametrize("seed", range(5))
def test_calibration_error_is_the_gap_in_each_bin(seed):
    y, p = drawn(seed)
    ranked = sorted(range(60), key=lambda i: p[i])
    gaps = [
        abs(sum(y[i] for i in part) - sum(p[i] for i in part))
        for part in (ranked[k : k + 6] for k in range(0, 60, 6))
    ]
    assert calibration_error(y, p, bins=10) == pytest.approx(sum(gaps) / 60)


def test_calibration_error_takes_fewer_predictions_than_bins():
    assert calibration_error([True, False], [1.0, 0.0]) == 0.0
    assert calibration_error([True, False], [0.0, 1.0]) == 1.0
    assert calibration_error([], []) is None


def test_rolling_quality_forgets_what_is_older_than_its_window():
    y, p = drawn(3)
    rolling = RollingQuality(window=20)
    assert (rolling.auc(), rolling.log_loss()) == (None, None)
    for pair in zip(y, p, strict=True):
        rolling.add(*pair)
    assert rolling.auc() == auc(y[-20:], p[-20:])
    assert rolling.log_loss() == log_loss(y[-20:], p[-20:])
