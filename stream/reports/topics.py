"""What leads write about: topics that were found, who wrote of them, how their journeys ended."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.intervals import quantile, wilson
from online_models.text_topics import TopicModel
from online_models.topic_formats import TopicId
from schemas.milestones import JourneyEnded, Milestone, TextSeen
from stream.reports.report import Bars, Table, Terms, View, percent

SCHEMA = 1
LIBRARY = "leadstream topics report"
TOPICS_COUNTED = 256
"""Topics whose journeys are counted, the newest."""
_Z = quantile(0.95)


def _in_order(counts: list[int]) -> list[int]:
    if counts[0] > counts[1]:
        raise ValueError("more journeys were won than ended")
    return counts


Counts = Annotated[
    list[formats.Count], Field(min_length=2, max_length=2), AfterValidator(_in_order)
]


@with_config(formats.STRICT)
class ReportState(TypedDict):
    """The whole state; of a topic how many of its journeys were won, and how many ended."""

    schema: int
    library: str
    model: dict[str, Any]
    journeys: dict[TopicId, Counts]
    all: Counts


STATE: TypeAdapter[Any] = TypeAdapter(ReportState)


class TopicsReport:
    """Topics of leads' texts.

    It keeps the words of the newest 2,000 texts under keyed hashes of their leads, until those are
    erased or forgotten.

    Parameters
    ----------
    terms
        They change nothing here.
    """

    name: ClassVar[str] = "topics"
    kind: ClassVar[str] = "dirichlet_mixture"

    def __init__(self, terms: Terms) -> None:  # noqa: ARG002
        self._model = TopicModel()
        self._journeys: dict[str, list[int]] = {}
        self._all = [0, 0]

    def learn(self, milestone: Milestone) -> None:
        """Take in a text's words, that a lead's texts are to go, or how a journey ended."""
        match milestone:
            case TextSeen() if milestone.words:
                self._model.learn_one(milestone.words, milestone.lead_hash)
            case TextSeen():
                self._model.forget_one(milestone.lead_hash)
            case JourneyEnded():
                is_won = milestone.result == "won"
                for counts in (self._all, *map(self._counts, dict.fromkeys(milestone.topics))):
                    counts[0] += is_won
                    counts[1] += 1

    def snapshot(self) -> dict[str, Any] | None:
        """Return what serving needs; None while there never was a topic."""
        snapshot = self._model.snapshot()
        return snapshot if snapshot["topics"] or snapshot["former"] else None

    def texts_by_topic(self) -> dict[str, int]:
        """Return how many of the newest texts each topic has."""
        return {of["topic"]: of["texts"] for of in self._model.snapshot()["topics"]}

    def figures(self, today: int) -> dict[str, Any]:  # noqa: ARG002
        """Return each topic: its id and name, texts and leads, trend, journeys that ended."""
        return {
            "fewest_leads": self._model.min_leads,
            "texts_seen": self._model.texts,
            "all_journeys": _conversion(self._all),
            "topics": [
                {
                    "topic": of.topic_id,
                    "name": of.name,
                    "texts": of.texts,
                    "leads": of.leads,
                    "former_share": of.former_share,
                    "recent_share": of.recent_share,
                    **_conversion(self._journeys.get(of.topic_id, [0, 0])),
                }
                for of in self._model.topics()
            ],
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say what leads write about."""
        topics = figures["topics"]
        if not topics:
            return View(
                [
                    f"{figures['texts_seen']:,} texts so far, in which no topic was found: words "
                    f"are named that {figures['fewest_leads']} leads wrote. Texts are read with "
                    "LEADSTREAM_READ_TEXTS=true."
                ],
                [],
            )
        heads = [
            "topic", "words", "texts", "leads", "share, from older to newer half",
            "journeys ended", "won", "95 % interval",
        ]  # fmt: skip
        rows = [
            [
                of["topic"],
                of["name"],
                f"{of['texts']:,}",
                f"{of['leads']:,}",
                f"{percent(of['former_share'])} to {percent(of['recent_share'])}",
                f"{of['journeys']:,}",
                percent(of["ratio"]),
                "-" if of["low"] is None else f"{percent(of['low'])} to {percent(of['high'])}",
            ]
            for of in topics
        ]
        return View(_found(figures), [Table("What leads write about", heads, rows)])

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return how often each topic is written about, and how its leads' journeys ended."""
        topics = figures["topics"]
        if not topics:
            return []
        labels = [f"{of['topic']}: {of['name']}" for of in topics]
        texts = [float(of["texts"]) for of in topics]
        plots = [Bars("Texts by topic, of the newest", labels, texts, "texts")]
        known = [of for of in topics if of["ratio"] is not None]
        if len(known) > 1:
            plots.append(
                Bars(
                    "Share of journeys that were won, by topic written about",
                    [f"{of['topic']}: {of['name']}" for of in known],
                    [100.0 * of["ratio"] for of in known],
                    "%",
                    [100.0 * of["low"] for of in known],
                    [100.0 * of["high"] for of in known],
                )
            )
        return plots

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "model": self._model.checkpoint(),
            "journeys": self._journeys,
            "all": self._all,
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        report = cls(terms)
        report._model = TopicModel.restore(checkpoint.get("model", {}))
        state: ReportState = formats.validated(STATE, checkpoint, "checkpoint")
        report._journeys, report._all = state["journeys"], state["all"]
        return report

    def _counts(self, topic: str) -> list[int]:
        counts = self._journeys.setdefault(topic, [0, 0])
        if len(self._journeys) > TOPICS_COUNTED:
            oldest = min(self._journeys, key=lambda of: (len(of), of))
            del self._journeys[oldest]
        return counts


def _conversion(counts: Sequence[int]) -> dict[str, float | int | None]:
    deals, journeys = counts
    if not journeys:
        return {"journeys": 0, "deals": 0, "ratio": None, "low": None, "high": None}
    low, high = wilson(deals / journeys, journeys, _Z)
    return {
        "journeys": journeys,
        "deals": deals,
        "ratio": deals / journeys,
        "low": low,
        "high": high,
    }


def _found(figures: Mapping[str, Any]) -> list[str]:
    """Say how much there is; which topic grows, and whose leads are won most, beyond doubt."""
    topics, journeys = figures["topics"], figures["all_journeys"]
    said = [f"{len(topics)} topics in {figures['texts_seen']:,} texts, the newest."]
    most = max(topics, key=lambda of: of["recent_share"] - of["former_share"])
    if most["recent_share"] >= 1.5 * most["former_share"] and most["texts"] >= 20:
        said.append(
            f"{most['topic']} ({most['name']}) grows: {percent(most['recent_share'])} of the newer "
            f"half of the texts, {percent(most['former_share'])} of the older."
        )
    known = [of for of in topics if of["ratio"] is not None]
    best = max(known, key=lambda of: of["low"], default=None)
    if best is not None and journeys["ratio"] is not None and best["low"] > journeys["ratio"]:
        said.append(
            f"Who writes about {best['topic']} ({best['name']}) is won more often: "
            f"{percent(best['ratio'])} of journeys, against {percent(journeys['ratio'])} of all."
        )
    return said
