"""What the learner does with milestones: each report takes in each once, in order."""

from typing import Any

from schemas import topics
from schemas.learning import ModelCheckpoint
from schemas.milestones import Milestone
from stream.lead.learner import record
from stream.lead.outputs import Output
from stream.lead.versions import version_of
from stream.reports.catalogue import REPORTS
from stream.reports.report import Report, Serves, Terms

MODEL = "report"
"""What checkpoints of reports are called; the report's name is their kind."""


class ReportLearner:
    """One report, and the offset of ``training-examples`` that it learns next.

    Parameters
    ----------
    name
        Of the report, see ``stream.reports.catalogue``.
    terms
        What it goes by.
    """

    def __init__(self, name: str, terms: Terms) -> None:
        self.name = name
        self.report: Report = REPORTS[name](terms)  # type: ignore[call-arg]
        self.next_offset = 0
        self.learned = 0
        self._version_offset = 0
        self._terms = terms

    @property
    def has_learned(self) -> bool:
        """Whether there is anything to keep."""
        return self.learned > 0

    def learn(self, milestone: Milestone, offset: int) -> None:
        """Take in a milestone, unless it was before.

        Raises
        ------
        ValueError
            If it contradicts what is known; it is passed over.
        """
        if offset < self.next_offset:
            return
        self.pass_over(offset)
        self.report.learn(milestone)
        self.learned += 1
        self._version_offset = offset + 1

    def pass_over(self, offset: int) -> None:
        """Count a record as done that says nothing to reports."""
        self.next_offset = max(self.next_offset, offset + 1)

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Go on from a checkpoint; raises ValueError if it does not fit this release."""
        self.report = REPORTS[self.name].restore(dict(checkpoint.state), self._terms)
        self.next_offset = checkpoint.next_offset
        self.learned = checkpoint.examples
        self._version_offset = checkpoint.version_offset

    @property
    def version(self) -> str:
        """Name what a report that serves has learned so far."""
        kind = self.report.kind if isinstance(self.report, Serves) else self.name
        return version_of(kind, self._version_offset)

    def served(self) -> dict[str, Any] | None:
        """Return what scorers need of a report that serves.

        None of another one, and while it knows too little.
        """
        return self.report.snapshot() if isinstance(self.report, Serves) else None

    def snapshot(self, state: dict[str, Any]) -> Output:
        """Return the record that publishes this version; ``state`` is what ``served`` returned."""
        body = {
            "type": "model_snapshot",
            "model": self.name,
            "version": self.version,
            "snapshot_schema": state["schema"],
            "library": state["library"],
            "examples": self.learned,
            "positives": 0,
            "state": state,
        }
        return record(topics.MODEL_SNAPSHOTS, f"{self.name}/{self.version}", body)

    def checkpoint(self) -> Output:
        """Return the record that a restart goes on from."""
        state = self.report.checkpoint()
        body: dict[str, Any] = {
            "type": "model_checkpoint",
            "model": MODEL,
            "kind": self.name,
            "next_offset": self.next_offset,
            "version_offset": self._version_offset,
            "weight_sum": float(self.learned),
            "examples": self.learned,
            "checkpoint_schema": state["schema"],
            "library": state["library"],
            "state": state,
        }
        return record(topics.MODEL_CHECKPOINTS, f"{MODEL}/{self.name}", body)
