"""The report of topics: who writes about what, how journeys end, what serves, what is stored."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from online_models.formats import ModelFormatError
from online_models.topic_scorer import TopicScorer
from schemas.milestones import JourneyEnded, TextSeen
from stream.reports.report import Fits, Serves, Terms
from stream.reports.topics import TOPICS_COUNTED, TopicsReport

AT = datetime(2026, 1, 1, tzinfo=UTC)
WORDS = {
    "price": ("quote", "price", "licence", "seats"),
    "sync": ("connector", "sync", "webhook", "sandbox"),
}


def seen(lead: int, *words: str) -> TextSeen:
    return TextSeen(lead_hash=f"{lead:032x}", words=words, occurred_at=AT)


def ended(result: str, *topics: str) -> JourneyEnded:
    return JourneyEnded(result=result, entered_at=AT, source="email", topics=topics, occurred_at=AT)


def known(texts: int = 60) -> TopicsReport:
    report = TopicsReport(Terms("EUR"))
    for lead in range(texts):
        report.learn(seen(lead, *WORDS["price" if lead < texts // 2 else "sync"]))
    return report


def test_topics_serve_once_ten_leads_wrote_the_same_words():
    report = TopicsReport(Terms("EUR"))
    assert isinstance(report, Serves)
    assert not isinstance(report, Fits)
    for lead in range(9):
        report.learn(seen(lead, *WORDS["price"]))
    assert report.snapshot() is None
    assert report.texts_by_topic() == {}
    view = report.view(report.figures(0))
    assert view.sentences[0].startswith("9 texts so far, in which no topic was found")
    assert view.tables == []
    assert report.plots(report.figures(0)) == []
    report.learn(seen(9, *WORDS["price"]))
    snapshot = report.snapshot()
    assert snapshot is not None
    assert TopicScorer(snapshot).assign(WORDS["price"]) == "t1"
    assert report.texts_by_topic() == {"t1": 10}


def test_a_topic_says_who_wrote_when_and_how_their_journeys_ended():
    report = known()
    for number in range(40):
        report.learn(ended("won" if number < 30 else "silent", "t1"))
        report.learn(ended("won" if number < 5 else "lost", "t2", "t2"))
        report.learn(ended("lost"))
    figures = report.figures(0)
    one, two = figures["topics"]
    assert set(one["name"].split(", ")) <= set(WORDS["price"])
    assert (one["topic"], one["texts"], one["leads"]) == ("t1", 30, 30)
    assert (one["former_share"], one["recent_share"]) == (1.0, 0.0)
    assert (one["journeys"], one["deals"], one["ratio"]) == (40, 30, 0.75)
    assert (two["journeys"], two["deals"]) == (40, 5)
    assert figures["all_journeys"]["journeys"] == 120
    said = " ".join(report.view(figures).sentences)
    assert "2 topics in 60 texts, the newest." in said
    assert "t2 (connector, sandbox, sync) grows: 100.0 % of the newer half of the texts, 0.0 %" in (
        said
    )
    assert "is won more often: 75.0 % of journeys, against 29.2 % of all." in said
    (table,) = report.view(figures).tables
    assert table.rows[0][:4] == ["t1", one["name"], "30", "30"]
    assert [plot.unit for plot in report.plots(figures)] == ["texts", "%"]


def test_what_may_be_chance_is_not_said():
    report = known()
    for number in range(10):
        report.learn(ended("won" if number < 3 else "lost", "t1"))
        report.learn(ended("won" if number < 2 else "lost", "t2"))
    assert "more often" not in " ".join(report.view(report.figures(0)).sentences)


def test_a_lead_that_leaves_takes_its_texts_along():
    report = known()
    report.learn(seen(0))
    one, _ = report.figures(0)["topics"]
    assert (one["texts"], one["leads"]) == (30, 30)  # sync has them now
    assert report.figures(0)["texts_seen"] == 59
    assert f"{0:032x}" not in orjson.dumps(report.checkpoint()).decode()


def test_journeys_of_the_newest_topics_are_counted():
    report = known()
    for number in range(1, TOPICS_COUNTED + 50):
        report.learn(ended("won", f"t{number}"))
    counted = report.checkpoint()["journeys"]
    assert len(counted) == TOPICS_COUNTED
    assert f"t{TOPICS_COUNTED + 49}" in counted


def test_restored_it_goes_on_to_the_bit():
    straight, report = known(), known()
    stored = orjson.loads(orjson.dumps(report.checkpoint()))
    report = TopicsReport.restore(stored, Terms("EUR"))
    for one in (straight, report):
        one.learn(ended("won", "t1"))
        one.learn(seen(3))
        one.learn(seen(61, *WORDS["sync"]))
    assert orjson.dumps(report.checkpoint()) == orjson.dumps(straight.checkpoint())
    assert report.snapshot() == straight.snapshot()


@pytest.mark.parametrize(
    "broken",
    [
        {"schema": 0},
        {"library": "x"},
        {"model": {}},
        {"model": None},
        {"journeys": {"t1": [1]}},
        {"journeys": {"t1": [2, 1]}},
        {"journeys": {"t1": [-1, 1]}},
        {"journeys": [1]},
        {"all": None},
    ],
)
def test_a_broken_checkpoint_is_refused(broken: dict[str, Any]):
    stored = orjson.loads(orjson.dumps(known().checkpoint())) | broken
    with pytest.raises(ModelFormatError):
        TopicsReport.restore(stored, Terms("EUR"))
