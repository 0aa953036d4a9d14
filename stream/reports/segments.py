"""Which leads are alike: segments that were found, what sets them apart, how they convert."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from online_models import formats
from online_models.intervals import quantile, wilson
from online_models.segments import FEWEST_LEADS, LeadSegments
from schemas.milestones import JourneyEnded, Milestone, SegmentSeen
from stream.reports.report import Bars, Table, Terms, View, percent

SCHEMA = 1
LIBRARY = "leadstream segments report"
_Z = quantile(0.95)


@runtime_checkable
class TakesSegmentNames(Protocol):
    """A report by segments, whose names another report learns."""

    def take_segment_names(self, names: Mapping[str, str]) -> None:
        """Take in what sets each segment apart, before figures are asked for."""
        ...


class SegmentsReport:
    """Segments of leads.

    It keeps vectors of the newest 2,000 leads by keyed hashes, until they are erased or forgotten.

    Parameters
    ----------
    terms
        They change nothing here.
    """

    name: ClassVar[str] = "segments"
    kind: ClassVar[str] = "latent_classes"

    def __init__(self, terms: Terms) -> None:  # noqa: ARG002
        self._model = LeadSegments()

    def learn(self, milestone: Milestone) -> None:
        """Take in what a lead was like when it was looked at, or what became of one."""
        match milestone:
            case SegmentSeen():
                self._model.move_one(milestone.previous_segment, milestone.segment)
                if milestone.x:
                    self._model.learn_one(milestone.x, milestone.lead_hash)
                else:
                    self._model.forget_one(milestone.lead_hash)
            case JourneyEnded() if milestone.segment is not None:
                self._model.learn_outcome(milestone.segment, milestone.result == "won")

    @property
    def is_fit_due(self) -> bool:
        """Whether segments are to be fitted, or searched for, which takes a second or two."""
        return self._model.is_fit_due

    def fit(self) -> None:
        """Fit segments, or search for them, if that is due."""
        self._model.fit()

    def snapshot(self) -> dict[str, Any] | None:
        """Return what serving needs; None while there are no segments."""
        return self._model.snapshot() if self._model.segments() else None

    @property
    def names(self) -> dict[str, str]:
        """What sets each segment apart, by its id."""
        return {of.segment_id: of.name for of in self._model.segments()}

    def figures(self, today: int) -> dict[str, Any]:  # noqa: ARG002
        """Return each segment: its id and name, leads in it now, journeys of it that ended."""
        return {
            "fewest_leads": FEWEST_LEADS,
            "leads_seen": self._model.leads_in_sample,
            "segments": [
                {
                    "segment": of.segment_id,
                    "name": of.name,
                    "leads": of.leads,
                    "journeys": of.converted + of.not_converted,
                    "deals": of.converted,
                    **_conversion(of.converted, of.converted + of.not_converted),
                }
                for of in self._model.segments()
            ],
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say which segments there are."""
        segments = figures["segments"]
        if not segments:
            return View(
                [
                    f"{figures['leads_seen']:,} leads with eight events or more so far: segments "
                    f"are looked for from {figures['fewest_leads']} on."
                ],
                [],
            )
        heads = ["segment", "what sets it apart", "leads", "journeys ended", "won", "95 % interval"]
        rows = [
            [
                of["segment"],
                of["name"],
                f"{of['leads']:,}",
                f"{of['journeys']:,}",
                percent(of["ratio"]),
                "-" if of["low"] is None else f"{percent(of['low'])} to {percent(of['high'])}",
            ]
            for of in segments
        ]
        return View([_found(segments)], [Table("Segments of leads", heads, rows)])

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return how segments convert."""
        known = [of for of in figures["segments"] if of["ratio"] is not None]
        if len(known) < 2:
            return []
        return [
            Bars(
                "Share of journeys that were won, by segment",
                [f"{of['segment']}: {of['name']}" for of in known],
                [100.0 * of["ratio"] for of in known],
                "%",
                [100.0 * of["low"] for of in known],
                [100.0 * of["high"] for of in known],
            )
        ]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {"schema": SCHEMA, "library": LIBRARY, "model": self._model.checkpoint()}

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        report = cls(terms)
        report._model = LeadSegments.restore(checkpoint.get("model", {}))
        return report


def _conversion(deals: int, journeys: int) -> dict[str, float | None]:
    if not journeys:
        return {"ratio": None, "low": None, "high": None}
    low, high = wilson(deals / journeys, journeys, _Z)
    return {"ratio": deals / journeys, "low": low, "high": high}


def _found(segments: Sequence[Mapping[str, Any]]) -> str:
    """Say how many segments there are; which one is won most often, where that is beyond doubt."""
    leads = sum(of["leads"] for of in segments)
    said = f"{len(segments)} segments of {leads:,} leads."
    known = sorted((of for of in segments if of["journeys"]), key=lambda of: -of["ratio"])
    if len(known) < 2 or known[0]["low"] <= known[-1]["high"]:
        return said
    best, worst = known[0], known[-1]
    return (
        f"{said} {best['segment']} ({best['name']}) is won most often: {percent(best['ratio'])}, "
        f"against {percent(worst['ratio'])} of {worst['segment']} ({worst['name']})."
    )
