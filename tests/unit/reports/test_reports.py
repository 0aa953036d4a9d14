"""What every report does: learns each milestone once, goes on after a restart, speaks to people."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import orjson
import pytest

from online_models.formats import ModelFormatError
from schemas.milestones import (
    CustomerActive,
    InflowCounted,
    JourneyEnded,
    LeadAnswered,
    LeadEntered,
    Milestone,
    PurchaseHistory,
    PurchasesChanged,
    SatisfactionTold,
    SegmentSeen,
    StageLeft,
    Touch,
)
from stream.lead.learner import decoded_checkpoint
from stream.reports.catalogue import REPORTS
from stream.reports.learner import ReportLearner
from stream.reports.report import Fits, Terms

TERMS = Terms("EUR", leads_per_day=30)
START = datetime(2026, 1, 1, tzinfo=UTC)
START_MINUTE = int(START.timestamp() // 60)
DAYS = 40
CHANNELS = ("paid_search", "email", "direct", "webinar")
TODAY = int(START.timestamp() // 86_400) + DAYS


def milestones(seed: int = 1, days: int = DAYS) -> list[Milestone]:
    """Return what some weeks of leads passed, in order of time."""
    random, found = Random(seed), [*_minutes(days)]
    for number in range(days * 8):
        entered = START + timedelta(days=random.uniform(0, days - 10))
        source = random.choice(CHANNELS)
        found.append(LeadEntered(source=source, occurred_at=entered))
        moved, ended = entered + timedelta(days=2), entered + timedelta(days=9)
        is_won = random.random() < 0.3
        result = "won" if is_won else "lost"
        found += [
            StageLeft(stage="new", next_stage="mql", stayed_s=172_800.0, occurred_at=moved),
            StageLeft(stage="mql", result=result, stayed_s=604_800.0, occurred_at=ended),
            LeadAnswered(response_s=random.uniform(60, 9_000), tier="hot", occurred_at=moved),
            SegmentSeen(
                lead_hash=f"{number:032x}",
                x=_looks(random),
                segment=None if number < 150 else "s1",
                occurred_at=moved,
            ),
            SatisfactionTold(score=float(number % 11), scale_max=10.0, occurred_at=moved),
            JourneyEnded(
                result=result,
                entered_at=entered,
                source=source,
                tier="warm",
                segment=None if number % 3 else "s1",
                is_holdout=random.random() < 0.2,
                value_minor=100_000 + 1_000 * (number % 9) if is_won else None,
                currency="EUR" if is_won else None,
                vectors=({"points": 9.0, "attribute:plan": source},) if is_won else (),
                touches=(
                    Touch(channel=source, campaign="spring", occurred_at=entered),
                    Touch(channel=random.choice(CHANNELS), occurred_at=moved),
                ),
                occurred_at=ended,
            ),
        ]
        if is_won:
            found += _purchases(random, ended, source, days)
    return sorted(found, key=lambda one: one.occurred_at)


def _looks(random: Random) -> dict[str, float | str]:
    pages = random.choice((("blog", "webinars"), ("pricing", "docs")))
    views = [random.choice(pages) for _ in range(8)]
    x: dict[str, float | str] = {"count:page_view": math.log1p(8.0)}
    return x | {f"count:page_view:{page}": math.log1p(views.count(page)) for page in pages}


def _minutes(days: int) -> Iterator[InflowCounted]:
    for number in range(0, days * 1_440, 10):
        at = START + timedelta(minutes=number + 1)
        counts = {"page_view": 9, "form:contact": 2, "won": int(number % 360 == 0)}
        minute = START_MINUTE + number
        yield InflowCounted(minute=minute, counts=counts, is_live=True, occurred_at=at)


def _purchases(random: Random, won: datetime, source: str, days: int) -> list[Milestone]:
    history: PurchaseHistory | None = None
    found: list[Milestone] = []
    at, most = won, random.randrange(1, 5)
    while most and at < START + timedelta(days=days):
        day, most = int(at.timestamp() // 86_400), most - 1
        after = PurchaseHistory(purchases=1, first_day=day, last_day=day, spend_minor=500)
        if history is not None:
            if day == history.last_day:
                break
            after = PurchaseHistory(
                purchases=history.purchases + 1,
                first_day=history.first_day,
                last_day=day,
                spend_minor=history.spend_minor + 500,
            )
        before = () if history is None else (history,)
        found += [
            PurchasesChanged(
                before=before, after=after, value_minor=500, currency="EUR", occurred_at=at
            ),
            CustomerActive(won_at=won, month=0, source=source, occurred_at=at),
        ]
        history, at = after, at + timedelta(days=random.uniform(1, 9))
    return found


MILESTONES = milestones()


def learned(name: str, found: list[Milestone] = MILESTONES) -> ReportLearner:
    learner = ReportLearner(name, TERMS)
    for offset, milestone in enumerate(found):
        learner.learn(milestone, offset)
    return learner


@pytest.mark.parametrize("name", REPORTS)
def test_after_a_restart_it_goes_on_as_if_nothing_had_happened(name):
    half = len(MILESTONES) // 2
    first = learned(name, MILESTONES[:half])
    second = ReportLearner(name, TERMS)
    second.resume(decoded_checkpoint(first.checkpoint().value or b""))
    assert second.next_offset == half
    for offset, milestone in enumerate(MILESTONES):
        second.learn(milestone, offset)  # the first half is passed over
    whole = learned(name)
    assert second.checkpoint() == whole.checkpoint()
    assert second.report.figures(TODAY) == whole.report.figures(TODAY)


@pytest.mark.parametrize("name", REPORTS)
def test_its_figures_are_json_and_are_put_into_words_and_drawings(name):
    report = learned(name).report
    figures = report.figures(TODAY)
    assert orjson.loads(orjson.dumps(figures)) == figures
    view = report.view(figures)
    assert view.sentences or view.tables
    for table in view.tables:
        assert table.rows
        assert {len(row) for row in table.rows} == {len(table.heads)}
    for bars in report.plots(figures):
        assert len(bars.labels) == len(bars.values) > 0


@pytest.mark.parametrize("name", REPORTS)
def test_one_that_knows_nothing_yet_says_so(name):
    report = ReportLearner(name, TERMS).report
    figures = report.figures(TODAY)
    assert report.view(figures).sentences
    assert list(report.plots(figures)) == []


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize(
    "change",
    [
        lambda state: state | {"schema": 99},
        lambda state: state | {"library": "another"},
        lambda state: {name: of for name, of in state.items() if name in {"schema", "library"}},
        lambda state: {
            name: of if name in {"schema", "library"} else "broken" for name, of in state.items()
        },
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(name, change):
    state: dict[str, Any] = learned(name, MILESTONES[:50]).report.checkpoint()
    with pytest.raises(ModelFormatError):
        REPORTS[name].restore(change(state), TERMS)


@pytest.mark.parametrize("name", REPORTS)
def test_one_of_another_currency_is_learned_anew_where_amounts_count(name):
    state = learned(name, MILESTONES[:50]).report.checkpoint()
    if "currency" in state:
        with pytest.raises(ModelFormatError, match="learned anew"):
            REPORTS[name].restore(state, Terms("USD"))


@pytest.mark.parametrize("name", REPORTS)
def test_its_checkpoint_fits_into_a_message(name):
    assert len(learned(name).checkpoint().value or b"") < 1_000_000


@pytest.mark.parametrize("name", [name for name in REPORTS if hasattr(REPORTS[name], "fit")])
def test_who_fits_elsewhere_once_it_is_due_has_the_same_as_who_leaves_it_to_the_report(name: str):
    apart, fits = ReportLearner(name, TERMS), 0
    for offset, milestone in enumerate(MILESTONES):
        apart.learn(milestone, offset)
        assert isinstance(apart.report, Fits)
        if apart.report.is_fit_due:
            apart.report.fit()
            fits += 1
            assert not apart.report.is_fit_due
    assert fits > 1
    assert apart.checkpoint() == learned(name).checkpoint()
