"""The report of deals' values: what it learns of, what it leaves out, how well it foretells."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from online_models.formats import ModelFormatError
from online_models.served_deal_value import ServedDealValue
from schemas.milestones import JourneyEnded
from stream import metrics
from stream.report_gauges import ReportGauges
from stream.reports.deal_value import LEFT_OUT, DealValueReport
from stream.reports.learner import ReportLearner
from stream.reports.report import Serves, Terms

AT = datetime(2026, 1, 1, tzinfo=UTC)
EUR = Terms("EUR")


def deal(number: int = 0, **changed: Any) -> JourneyEnded:
    """Return a deal; those of the plan "team" are worth ten times as much."""
    plan = ("team", "single")[number % 2]
    worth = (1_000_000, 100_000)[number % 2] + 1_000 * (number % 7)
    body = {
        "result": "won", "entered_at": AT, "source": "email", "occurred_at": AT,
        "value_minor": worth, "currency": "EUR", "vectors": ({"attribute:plan": plan},),
    }  # fmt: skip
    return JourneyEnded.model_construct(**body | changed)


def known(deals: int = 200) -> DealValueReport:
    report = DealValueReport(EUR)
    for number in range(deals):
        report.learn(deal(number))
    return report


def test_deals_serve_from_20_on():
    report = known(19)
    assert isinstance(report, Serves)
    assert report.snapshot() is None
    (said,) = report.view(report.figures(0)).sentences
    assert said == (
        "19 deals with a value in EUR so far: what a lead's deal will bring is foretold from 20 on."
    )
    assert report.plots(report.figures(0)) == []
    assert report.errors_minor() == {}
    report.learn(deal(19))
    snapshot = report.snapshot()
    assert snapshot is not None
    assert ServedDealValue.restore(snapshot).deals == 20


def test_it_says_how_well_deals_are_foretold_and_by_what():
    report = known()
    figures = report.figures(0)
    assert figures["deals"] == 200
    errors = figures["errors_minor"]
    assert errors["mean"] == pytest.approx(450_000, rel=0.05)
    assert errors["deal_value"] < 0.3 * errors["mean"]
    assert figures["trust_ratio"] > 0.99
    by_name = {of["feature"]: of["factor"] for of in figures["features"]}
    team, single = by_name["attribute:plan=team"], by_name["attribute:plan=single"]
    assert team > 2.0
    assert single < 0.5
    view = report.view(figures)
    assert view.sentences[0].startswith("200 deals with a value in EUR, 5,5")
    assert "is off by" in view.sentences[1]
    assert len(view.sentences) == 2, "nothing was left out"
    (table,) = view.tables
    assert table.rows[0][0].startswith("attribute:plan=")
    (bars,) = report.plots(figures)
    assert bars.unit == "times"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"value_minor": None, "currency": None}, "no_value"),
        ({"currency": "USD"}, "other_currency"),
        ({"value_minor": 0}, "out_of_range"),
        ({"value_minor": -5}, "out_of_range"),
        ({"value_minor": 10**15 + 1}, "out_of_range"),
        ({"vectors": ()}, "no_vectors"),
        ({"vectors": ({"points": float("nan")},)}, "not_numbers"),
    ],
)
def test_what_cannot_be_learned_is_counted_and_changes_nothing(changed: dict[str, Any], reason):
    report = known(30)
    before = report.checkpoint()
    report.learn(deal(30, **changed))
    after = report.checkpoint()
    assert after.pop("left_out") == dict.fromkeys(LEFT_OUT, 0) | {reason: 1}
    before.pop("left_out")
    assert orjson.dumps(after) == orjson.dumps(before)
    said = report.view(report.figures(0)).sentences[-1]
    assert said == f"Left out: 1 {LEFT_OUT[reason]}."


@pytest.mark.parametrize("result", ["lost", "silent"])
def test_what_was_not_won_is_no_deal(result):
    report = known(5)
    report.learn(deal(5, result=result))
    assert report.checkpoint() == known(5).checkpoint()


def test_where_features_say_nothing_the_mean_is_as_good():
    report = DealValueReport(EUR)
    for number in range(300):
        x = {"attribute:plan": f"plan {number * 7 % 5}"}
        report.learn(deal(number, value_minor=10_000 * (1 + number % 11), vectors=(x,)))
    errors = report.errors_minor()
    assert errors["deal_value"] == pytest.approx(errors["mean"], rel=0.05)


def test_restored_it_goes_on_to_the_bit():
    straight = known(60)
    report = DealValueReport.restore(orjson.loads(orjson.dumps(straight.checkpoint())), EUR)
    for one in (straight, report):
        one.learn(deal(61))
        one.learn(deal(62, currency="USD"))
    assert orjson.dumps(report.checkpoint()) == orjson.dumps(straight.checkpoint())
    assert report.snapshot() == straight.snapshot()


@pytest.mark.parametrize(
    "broken",
    [
        {"schema": 0},
        {"library": "x"},
        {"model": {}},
        {"model": None},
        {"left_out": {}},
        {"left_out": dict.fromkeys(LEFT_OUT, -1)},
        {"errors": [1.0, 2.0]},
        {"errors": [1.0, -2.0, 1.0]},
        {"currency": "USD"},
    ],
)
def test_a_broken_checkpoint_is_refused(broken: dict[str, Any]):
    stored = orjson.loads(orjson.dumps(known(25).checkpoint())) | broken
    with pytest.raises(ModelFormatError):
        DealValueReport.restore(stored, EUR)


def test_deals_and_errors_are_told_to_prometheus_and_withdrawn():
    learner, gauges = ReportLearner("deal_value", EUR), ReportGauges()
    for offset in range(40):
        learner.learn(deal(offset), offset)
    gauges.publish([learner])
    read = metrics.REGISTRY.get_sample_value
    name, deals = "leadstream_deal_value_error_minor", "leadstream_deals_learned"
    assert read(deals) == 40.0
    foretold, mean = (read(name, {"by": by}) for by in ("deal_value", "mean"))
    assert foretold is not None
    assert mean is not None
    assert 0.0 < foretold < mean
    gauges.withdraw()
    assert read(deals) == 0.0
    assert read(name, {"by": "mean"}) is None
