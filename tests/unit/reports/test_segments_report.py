"""The report of segments: sizes, outcomes and names, and that erased leads are taken out."""

import math
from datetime import UTC, datetime
from random import Random

from schemas.milestones import JourneyEnded, LeadEntered, SegmentSeen
from stream.reports.cohorts import CohortsReport
from stream.reports.kpis import KpisReport
from stream.reports.report import Fits, Serves, Terms, day_of
from stream.reports.segments import SegmentsReport, TakesSegmentNames

AT = datetime(2026, 1, 1, tzinfo=UTC)
PAGES = {"reader": ("blog", "webinars"), "buyer": ("pricing", "docs")}


def look(lead: int, kind: str, former: str | None = None, segment: str | None = None):
    random = Random(f"lead {lead}")
    views = [random.choice(PAGES[kind]) for _ in range(8)]
    x: dict[str, float | str] = {"count:page_view": math.log1p(8.0)}
    x |= {f"count:page_view:{page}": math.log1p(views.count(page)) for page in set(views)}
    return SegmentSeen(
        lead_hash=f"{lead:032x}", x=x, previous_segment=former, segment=segment, occurred_at=AT
    )


def ended(segment: str, result: str) -> JourneyEnded:
    return JourneyEnded(
        result=result, entered_at=AT, source="email", segment=segment, occurred_at=AT
    )


def known() -> SegmentsReport:
    report = SegmentsReport(Terms("EUR"))
    for lead in range(120):
        report.learn(look(lead, ("reader", "buyer")[lead % 2]))
    report.fit()
    return report


def test_segments_serve_once_there_are_some():
    report = SegmentsReport(Terms("EUR"))
    assert isinstance(report, Serves)
    assert isinstance(report, Fits)
    for lead in range(99):
        report.learn(look(lead, ("reader", "buyer")[lead % 2]))
    assert not report.is_fit_due
    assert report.snapshot() is None
    assert "99 leads" in report.view(report.figures(0)).sentences[0]
    report.learn(look(99, "buyer"))
    assert report.is_fit_due
    report.fit()
    assert report.snapshot() is not None


def test_sizes_follow_what_leads_say_and_outcomes_the_segment_at_the_end():
    report = known()
    for lead in range(60):
        report.learn(look(lead, "reader", None, "s1" if lead < 40 else "s2"))
    report.learn(look(0, "buyer", "s1", "s2"))
    for number in range(40):
        report.learn(ended("s1", "won" if number < 30 else "silent"))
        report.learn(ended("s2", "won" if number < 5 else "lost"))
    one, two = report.figures(0)["segments"]
    assert (one["segment"], one["leads"], one["journeys"], one["deals"]) == ("s1", 39, 40, 30)
    assert (two["segment"], two["leads"], two["journeys"], two["deals"]) == ("s2", 21, 40, 5)
    assert one["low"] < 0.75 < one["high"]
    view = report.view(report.figures(0))
    assert "2 segments of 60 leads. s1 (" in view.sentences[0]
    assert "75.0 %, against 12.5 % of s2" in view.sentences[0]


def test_no_segment_is_named_the_best_while_that_may_be_chance():
    report = known()
    for number in range(10):
        report.learn(ended("s1", "won" if number < 3 else "lost"))
        report.learn(ended("s2", "won" if number < 2 else "lost"))
    assert "won most often" not in report.view(report.figures(0)).sentences[0]


def test_a_lead_that_is_gone_is_in_no_sample_and_in_no_size():
    report = known()
    report.learn(look(7, "buyer", None, "s1"))
    gone = look(7, "buyer").lead_hash
    assert gone in {row["lead"] for row in report.checkpoint()["model"]["rows"]}
    report.learn(SegmentSeen(lead_hash=gone, x={}, previous_segment="s1", occurred_at=AT))
    assert gone not in {row["lead"] for row in report.checkpoint()["model"]["rows"]}
    assert sum(of["leads"] for of in report.figures(0)["segments"]) == 0


def test_what_nobody_knows_is_no_segment():
    report = known()
    report.learn(look(1, "buyer", "s77", "s99"))
    report.learn(ended("s99", "won"))
    assert sum(of["leads"] + of["journeys"] for of in report.figures(0)["segments"]) == 0


def test_other_reports_say_what_sets_a_segment_apart_and_of_one_that_is_gone_only_its_id():
    names = known().names
    assert all(names.values())
    cohorts, kpis = CohortsReport(Terms("EUR")), KpisReport(Terms("EUR"))
    for report in (cohorts, kpis):
        assert isinstance(report, TakesSegmentNames)
        report.take_segment_names(names)
    cohorts.learn(LeadEntered(source="email", occurred_at=AT))
    for segment in ("s1", "s77"):
        entry = look(1, "reader", None, segment).model_copy(update={"entered_at": AT})
        cohorts.learn(entry)
        kpis.learn(ended(segment, "won"))
    tomorrow = day_of(AT) + 1
    figures = cohorts.figures(tomorrow)
    told = {of["segment"]: of["name"] for of in figures["segments"]}
    assert told == {"s1": names["s1"], "s77": None}
    assert f"s1: {names['s1']}" in [
        row[0] for table in cohorts.view(figures).tables for row in table.rows
    ]
    month = kpis.figures(tomorrow)
    by_segment = month["periods"]["30"]["now"]["segments"]
    assert {segment: one["name"] for segment, one in by_segment.items()} == told
    rows = [row for table in kpis.view(month).tables for row in table.rows]
    assert ["s1", names["s1"]] in [row[:2] for row in rows]
    assert ["s77", "-"] in [row[:2] for row in rows]
