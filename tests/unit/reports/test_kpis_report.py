"""Report kpis: its periods, its costs, its words."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest

from online_models.formats import ModelSchemaError
from online_models.kpis import MAX_CAMPAIGNS
from schemas.milestones import (
    JourneyEnded,
    LeadEntered,
    Milestone,
    PurchaseHistory,
    PurchasesChanged,
    SatisfactionTold,
    Touch,
)
from stream.reports.kpis import KpisReport
from stream.reports.report import Terms, day_of
from stream.reports.spend import Spend, TakesSpend, days_of

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
TODAY = day_of(NOW)


def journey(ago_days: float, is_won: bool, **changed: Any) -> JourneyEnded:
    ended = NOW - timedelta(days=ago_days)
    body: dict[str, Any] = {
        "result": "won" if is_won else "lost",
        "entered_at": ended - timedelta(days=8),
        "source": "paid_search",
        "tier": "hot",
        "occurred_at": ended,
    }
    return JourneyEnded(**body | changed)


def purchase(ago_days: float, value_minor: int, currency: str = "EUR") -> PurchasesChanged:
    day = TODAY - int(ago_days)
    return PurchasesChanged(
        after=PurchaseHistory(purchases=1, first_day=day, last_day=day, spend_minor=value_minor),
        value_minor=value_minor,
        currency=currency,
        occurred_at=NOW - timedelta(days=ago_days),
    )


def cost(number: int = 1, period: str = "2026-03-20", **changed: Any) -> bytes:
    body = {
        "type": "cost",
        "event_id": f"cost-{number}",
        "occurred_at": "2026-04-01T00:00:00Z",
        "amount_minor": 3_000,
        "currency": "EUR",
        "channel": "paid_search",
        "period": period,
    }
    return orjson.dumps(body | changed)


def told(milestones: list[Milestone], *costs: bytes) -> dict[str, Any]:
    report = KpisReport(Terms("EUR"))
    for milestone in milestones:
        report.learn(milestone)
    if costs:
        report.take_spend(spend_of(*costs))
    return report.figures(TODAY)


def spend_of(*costs: bytes) -> Spend:
    spend = Spend()
    for one in costs:
        spend.add(one)
    return spend


def test_periods_are_whole_days_each_beside_as_many_before():
    periods = told([journey(ago, is_won=ago < 40) for ago in range(100)])["periods"]
    assert [
        (periods[days][which]["deals"], periods[days][which]["journeys"])
        for days in ("7", "30", "90")
        for which in ("now", "before")
    ] == [(7, 7), (7, 7), (30, 30), (9, 30), (39, 90), (0, 9)]
    assert periods["7"]["from"] == "2026-03-27"


def test_a_deal_that_is_a_purchase_too_is_earned_once():
    won = journey(2, is_won=True, value_minor=500_000, currency="EUR")
    now = told([won, purchase(2, 500_000), purchase(3, 7_000, "USD")])["periods"]["30"]["now"]
    assert now["revenue_minor"] == {"EUR": 500_000, "USD": 7_000}
    assert now["sources"]["paid_search"]["value_minor"] == 500_000


def test_what_a_customer_turns_out_to_have_bought_is_no_new_revenue():
    merged = purchase(2, 500).model_copy(update={"value_minor": 0})
    assert told([merged])["periods"]["30"]["now"]["revenue_minor"] == {}


def test_costs_are_spread_over_their_periods_and_told_by_channel():
    won = journey(20, is_won=True, value_minor=12_000, currency="EUR")
    monthly = cost(1, "2026-03", amount_minor=31_000, channel="Search")
    other = cost(2, "2026-03-01/2026-03-10", currency="USD", amount_minor=10_000)
    unnamed = cost(3, channel=None)
    now = told([won, purchase(20, 20_000)], monthly, other, unnamed)["periods"]["30"]["now"]
    costs = now["costs"]
    assert costs["cost_minor"] == 28_000 + 3_000  # 4 to 31 March, and 20 March
    assert costs["per_deal_minor"] == 31_000
    assert costs["return_ratio"] == pytest.approx(20_000 / 31_000)
    assert costs["channels"]["paid_search"]["cost_minor"] == 28_000
    assert costs["channels"]["paid_search"]["return_ratio"] == pytest.approx(12 / 28)
    assert costs["channels"]["unassigned"]["per_deal_minor"] is None
    assert costs["other_currencies_minor"] == {"USD": 7_000}


def touched(*campaigns: str | None) -> tuple[Touch, ...]:
    return tuple(
        Touch(channel="email", campaign=one, occurred_at=NOW - timedelta(days=9 - n))
        for n, one in enumerate(campaigns)
    )


def test_costs_are_told_by_campaign_beside_the_deals_whose_journeys_began_with_it():
    worth = {"is_won": True, "value_minor": 12_000, "currency": "EUR"}
    found: list[Milestone] = [
        journey(5, **worth, touches=touched("Spring", "fair")),
        journey(6, **worth, touches=touched("Spring")),
        journey(7, **worth, touches=touched(None, "fair")),
        journey(8, is_won=False, touches=touched("fair")),
        journey(9, **worth | {"currency": "USD"}, touches=touched("x" * 64)),
        journey(40, **worth, touches=touched("Spring")),
    ]
    costs = [
        cost(1, campaign=" spring "),
        cost(2, campaign="SPRING", channel="social"),
        cost(3, campaign="fair", amount_minor=1_000),
        cost(4),
        cost(5, campaign="x" * 70, amount_minor=500),
        cost(6, campaign="fair", currency="USD"),
    ]
    campaigns = told(found, *costs)["periods"]["30"]["now"]["costs"]["campaigns"]
    names = ("cost_minor", "deals", "per_deal_minor", "value_minor", "return_ratio")
    assert {name: tuple(of[key] for key in names) for name, of in campaigns.items()} == {
        "Spring": (6_000, 2, 3_000, 24_000, 4.0),
        "unassigned": (3_000, 0, None, 0, 0.0),
        "fair": (1_000, 0, None, 0, 0.0),
        "x" * 64: (500, 1, 500, 0, 0.0),
    }
    assert next(iter(campaigns)) == "Spring"
    (table,) = (t for t in KpisReport.view(told(found, *costs)).tables if "by campaign" in t.title)
    assert table.rows[0] == ["Spring", "60", "2", "30", "240", "4.0"]


def test_where_no_cost_names_a_campaign_none_is_told():
    figures = told([journey(5, is_won=True, touches=touched("spring"))], cost())
    assert figures["periods"]["30"]["now"]["costs"]["campaigns"] == {}
    assert not [t for t in KpisReport.view(figures).tables if "by campaign" in t.title]


def test_deals_of_campaigns_that_are_not_told_apart_are_said():
    found: list[Milestone] = [
        journey(5, is_won=True, touches=touched(f"c{n}")) for n in range(MAX_CAMPAIGNS + 7)
    ]
    figures = told(found, cost(campaign="c1"))
    assert figures["periods"]["30"]["now"]["in_other_campaigns"] == 7
    assert any("beyond those told apart: 7" in s for s in KpisReport.view(figures).sentences)


def test_the_share_of_satisfied_answers_is_said_beside_that_of_the_days_before():
    found: list[Milestone] = [journey(2, is_won=True)]
    found += [
        SatisfactionTold(score=score, scale_max=5.0, occurred_at=NOW - timedelta(days=ago))
        for ago, score in ((2, 5.0), (3, 4.0), (4, 3.0), (40, 1.0))
    ]
    figures = told(found)
    satisfaction = figures["periods"]["30"]["now"]["satisfaction"]
    assert satisfaction["satisfied_ratio"] == pytest.approx(2 / 3)
    assert satisfaction["mean_ratio"] == pytest.approx(0.8)
    (sentence,) = (s for s in KpisReport.view(figures).sentences if "satisfied" in s)
    assert sentence.startswith("Of 3 answers 66.7 % were satisfied ones")
    assert "against 0.0 % in the 30 days before" in sentence


def test_a_checkpoint_of_a_former_release_is_refused_and_learned_anew():
    state = KpisReport(Terms("EUR")).checkpoint()
    assert KpisReport.restore(state, Terms("EUR")).checkpoint() == state
    state["model"]["schema"] = 1
    with pytest.raises(ModelSchemaError, match="schema"):
        KpisReport.restore(state, Terms("EUR"))


def test_a_cost_that_comes_twice_counts_once_and_a_faulty_one_is_told():
    report = KpisReport(Terms("EUR"))
    assert isinstance(report, TakesSpend)
    spend = spend_of(
        cost(1), cost(1, amount_minor=9), cost(2, "March"), b"no JSON", cost(3, amount_minor=10**16)
    )
    assert (len(spend), spend.duplicates, spend.refused) == (1, 1, 3)
    assert [one.amount_minor for one in spend] == [3_000]
    report.learn(journey(2, is_won=True))
    report.take_spend(spend)
    figures = report.figures(TODAY)
    assert figures["costs_told"]["refused"] == 3
    (sentence,) = (s for s in report.view(figures).sentences if "Faulty" in s)
    assert "'March' is none: give a day (2026-03-01)" in sentence


@pytest.mark.parametrize(
    ("period", "first", "days"),
    [
        ("1970-01-01", 0, 1),
        ("2026-03-01", 20_513, 1),
        ("2024-02", 19_754, 29),
        ("2025-12", 20_423, 31),
        ("2026-03-01/2026-03-31", 20_513, 31),
        ("2026-03-01/2026-03-01", 20_513, 1),
    ],
)
def test_periods_of_costs_are_days_months_and_intervals(period, first, days):
    assert days_of(period) == (first, first + days - 1)


@pytest.mark.parametrize(
    "period",
    [
        *("", "2026", "2026-13", "2026-02-30", "20260301", "2026-3-1", "2026-W10", "2026-03-01/"),
        *("2026-03-02/2026-03-01", "2026-03/2026-04", "2026-03-01/P1M", "2026-03-01T00:00:00Z"),
        *("2026-03-01/2026-03-02/2026-03-03", "٢٠٢٦-03-01", "9999-12", "0000-01", "2026-03-01\n"),
    ],
)
def test_a_faulty_period_is_refused_with_what_to_give(period):
    with pytest.raises(ValueError, match="give a day"):
        days_of(period)


def test_its_first_sentences_are_those_of_a_sales_manager():
    random = Random(1)
    found: list[Milestone] = [
        journey(1 + n % 59, is_won=n % 4 == 0, is_holdout=random.random() < 0.3) for n in range(590)
    ]
    found += [LeadEntered(source="email", occurred_at=NOW - timedelta(days=5)), purchase(3, 99_900)]
    figures = told(found, cost())
    view = KpisReport.view(figures)
    assert view.sentences[0].startswith(
        "In the 30 days from 2026-03-04 to 2026-04-02: 76 deals from 300 journeys that ended "
        "(25.3 %), against 24.8 % in the 30 days before."
    )
    assert "999 EUR" in view.sentences[1]
    assert "which may be chance" in view.sentences[2]
    assert figures["periods"]["90"]["now"]["effect"] is not None


def test_it_says_so_if_all_that_it_knows_is_long_ago():
    (sentence,) = KpisReport.view(told([journey(300, is_won=True)])).sentences
    assert "Nothing has happened" in sentence
    assert "newest fact is of 2025-06-07" in sentence
