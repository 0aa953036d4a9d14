"""How leads go from stage to stage: where they drop off, and what takes longest."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from online_models import formats
from online_models.journey_figures import CUT_RATIO, FEWEST_LEFT
from online_models.journey_map import JourneyMapModel
from schemas.milestones import LeadEntered, Milestone, StageLeft
from stream.lead.milestone_bodies import NEW
from stream.reports.journey_text import plots_of, view_of
from stream.reports.report import Bars, Terms, View, date_of

SCHEMA = 2
LIBRARY = "leadstream journey report"
MAX_STAGES = 32


class JourneyReport:
    """The map of stages, and the stage to work on first.

    The end of a journey is told by its outcome, and often once more by a move to a stage for
    customers. Such moves are counted apart.

    Parameters
    ----------
    terms
        They change nothing here: only counts are kept.
    """

    name: ClassVar[str] = "journey"

    def __init__(self, terms: Terms) -> None:  # noqa: ARG002
        self._model = JourneyMapModel(MAX_STAGES)
        self._moved_after_end = 0

    def learn(self, milestone: Milestone) -> None:
        """Take in a lead, or a stage that one has left."""
        match milestone:
            case LeadEntered():
                self._model.learn_entry(NEW)
            case StageLeft(stage=stage, stayed_s=stayed_s) if milestone.result is not None:
                self._model.learn_end(stage, milestone.result, stayed_s)
            case StageLeft(is_after_end=True):
                self._moved_after_end += 1
            case StageLeft(stage=stage, next_stage=str(following), stayed_s=stayed_s):
                self._model.learn_move(stage, following, stayed_s)

    def figures(self, today: int) -> dict[str, Any]:
        """Return the map; ``now`` of a stage is entered minus left, all that can be known of it."""
        found = self._model.report()
        told = found.to_json()
        expected_s = sum(stage.contribution_s for stage in found.stages)
        stages = [
            stage | {"time_ratio": stage["contribution_s"] / expected_s if expected_s else None}
            for stage in told["stages"]
        ]
        return {
            "as_of": date_of(today),
            **told,
            "stages": stages,
            "moves": list(told["moves"]),
            "ends": list(told["ends"]),
            "moved_after_end": self._moved_after_end,
            "cut_ratio": CUT_RATIO,
            "fewest_left": FEWEST_LEFT,
            "expected_s": expected_s or None,
        }

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say where leads are lost."""
        return view_of(figures)

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return the drop-off of each stage."""
        return plots_of(figures)

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "model": self._model.checkpoint(),
            "moved_after_end": self._moved_after_end,
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        report = cls(terms)
        report._model = JourneyMapModel.restore(checkpoint.get("model", {}), max_stages=MAX_STAGES)
        moved = checkpoint.get("moved_after_end")
        if type(moved) is not int or moved < 0:
            raise formats.ModelFormatError("checkpoint is broken: moved_after_end: no count")
        report._moved_after_end = moved
        return report
