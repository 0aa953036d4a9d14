"""Metrics of fairness: certain gaps only, the largest groups only, nothing of before."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from online_models.fairness import MOST_GROUPS, OTHER, THRESHOLDS, Fairness, Tally, compare
from stream import metrics

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"
GAUGES = (
    metrics.GROUP_SELECTION_RATIO,
    metrics.GROUP_TRUE_POSITIVE_RATIO,
    metrics.GROUP_CALIBRATION_GAP_RATIO,
    metrics.FAIRNESS_GAP_RATIO,
)
MISSED = compare({"a": Tally(500, 100, 150, 60, 110.0), "b": Tally(500, 100, 150, 20, 110.0)})


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    metrics.observe_fairness({})
    assert not [
        sample for gauge in GAUGES for family in gauge.collect() for sample in family.samples
    ]


def shown(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"leadstream_{name}_ratio", labels)


def show(attribute: str, found: Fairness) -> None:
    metrics.observe_fairness({("p_convert", attribute): found})


def test_groups_and_their_certain_gaps_are_shown() -> None:
    show("sex", MISSED)
    of = {"model": "p_convert", "attribute": "sex"}
    assert shown("group_selection", **of, group="a") == pytest.approx(0.3)
    assert shown("group_true_positive", **of, group="b") == pytest.approx(0.2)
    assert shown("group_calibration_gap", **of, group="a") == pytest.approx(0.02)
    assert shown("fairness_gap", **of, measure="true_positive") == pytest.approx(0.4)
    assert shown("fairness_gap", **of, measure="calibration") == 0.0


def test_a_gap_that_may_be_chance_is_shown_as_none() -> None:
    show("sex", compare({"a": Tally(100, 10, 20, 8, 9.0), "b": Tally(40, 4, 4, 1, 9.0)}))
    of = {"model": "p_convert", "attribute": "sex"}
    assert {shown("fairness_gap", **of, measure=m) for m in THRESHOLDS} == {0.0}


def test_what_was_shown_before_is_taken_down() -> None:
    show("sex", MISSED)
    show("region", MISSED)
    of = {"model": "p_convert", "group": "a"}
    assert shown("group_selection", attribute="sex", **of) is None
    assert shown("group_selection", attribute="region", **of) is not None


def test_senders_that_make_up_groups_make_up_no_labels() -> None:
    show("plan", compare({f"made-up-{n}": Tally(50 + n) for n in range(500)}))
    (family,) = metrics.GROUP_SELECTION_RATIO.collect()
    groups = {sample.labels["group"] for sample in family.samples}
    assert len(groups) == MOST_GROUPS + 1
    assert OTHER in groups


def test_the_alert_asks_for_the_thresholds_of_the_report() -> None:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    (rule,) = (r for g in groups for r in g["rules"] if r["alert"] == "LeadstreamUnfair")
    asked = re.findall(r'fairness_gap_ratio\{measure="(\w+)"\} > ([\d.]+)', rule["expr"])
    assert {measure: float(size) for measure, size in asked} == THRESHOLDS
