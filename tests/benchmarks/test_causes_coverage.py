"""Comparisons beyond the experiment against known truth: intervals must hold it as they say."""

import numpy as np
import pytest

from online_models.difference_in_differences import compare_changes
from online_models.matching import compare_matched

LOGS = 200
LEADS = 800


def matched_log(seed, effect, is_confounded):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(LEADS, 4))
    pull = (0.6 * x[:, 0] + 0.4 * x[:, 1]) * is_confounded
    nurtured = rng.random(LEADS) < 1 / (1 + np.exp(0.7 - pull))
    without = 1 / (1 + np.exp(1.2 - 0.8 * x[:, 0] - 0.5 * x[:, 2]))
    with_it = np.clip(without + effect, 0, 1)
    won = rng.random(LEADS) < np.where(nurtured, with_it, without)
    truth = float((with_it - without)[nurtured].mean())
    return nurtured, won, {f"x{k}": x[:, k] for k in range(4)}, truth


@pytest.mark.parametrize("effect", [0.0, 0.1])
@pytest.mark.parametrize("is_confounded", [False, True])
def test_matching_holds_the_truth(effect, is_confounded, capsys):
    naive, errors, held, widths = [], [], [], []
    for seed in range(LOGS):
        *log, truth = matched_log(seed, effect, is_confounded)
        report = compare_matched(*log)
        naive.append(report.naive_difference - truth)
        errors.append(report.effect - truth)
        held.append(report.low <= truth <= report.high)
        widths.append(report.standard_error)
    with capsys.disabled():
        print(
            f"\nmatching, effect {effect}, confounded {is_confounded}: coverage "
            f"{np.mean(held):.3f}, bias {np.mean(errors):+.4f} (naive {np.mean(naive):+.4f}), "
            f"standard error {np.mean(widths):.4f} (true {np.std(errors):.4f})"
        )
    assert 0.91 <= np.mean(held) <= 0.99  # .95, give or take 2.6 standard errors of 200 logs
    assert abs(np.mean(errors)) < 0.012
    assert (np.mean(naive) > 0.05) == is_confounded


@pytest.mark.parametrize("is_confounded", [False, True])
def test_changes_hold_the_truth(is_confounded, capsys):
    held, errors, naive = [], [], []
    for seed in range(LOGS):
        rng = np.random.default_rng(seed)
        level = rng.normal(size=300)
        chance = 1 / (1 + np.exp(-2 * level * is_confounded))
        nurtured = rng.random(300) < chance
        y = level[:, None] + rng.normal(size=(300, 8)).cumsum(axis=1) * 0.3
        y += 0.3 * nurtured[:, None] * (np.arange(8) >= 4)
        report = compare_changes(nurtured, y, 4)
        held.append(report.change.low <= 0.3 <= report.change.high)
        errors.append(report.change.effect - 0.3)
        naive.append(report.means_after[0] - report.means_after[1] - 0.3)
    with capsys.disabled():
        print(
            f"\nchanges, confounded {is_confounded}: coverage {np.mean(held):.3f}, bias "
            f"{np.mean(errors):+.4f} (naive {np.mean(naive):+.4f})"
        )
    assert 0.91 <= np.mean(held) <= 0.99
    assert abs(np.mean(errors)) < 0.02
    assert (np.mean(naive) > 0.2) == is_confounded
