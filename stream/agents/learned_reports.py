"""Reports as the learner keeps them: learned, served, checkpointed, told to Prometheus."""

import asyncio
from collections.abc import Iterable
from typing import Any, cast

import structlog

from schemas.learning import ModelCheckpoint
from schemas.milestones import Milestone
from stream import metrics
from stream.lead.learner import Decoded, serving_record
from stream.lead.outputs import Output
from stream.report_gauges import ReportGauges
from stream.reports.catalogue import REPORTS
from stream.reports.learner import MODEL, ReportLearner
from stream.reports.report import Fits
from stream.settings import Settings

log = structlog.get_logger(__name__)

BYTES_PER_S = 10_000
"""So much a report may write, in the mean: a large one is kept more rarely than models are."""


class LearnedReports:
    """All reports of a learner's process; none where the settings ask for none."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._gauges = ReportGauges()
        self._learners: list[ReportLearner] = []
        self._fitting: list[ReportLearner] = []
        self._served: dict[str, dict[str, Any]] = {}
        self._due_s: dict[str, float] = {}

    def begin(self) -> None:
        """Begin anew, as if nothing had been learned."""
        self.discard()
        if self._settings.reports:
            terms = self._settings.report_terms()
            self._learners = [ReportLearner(name, terms) for name in REPORTS]
            # Asked after each record, and of few.
            self._fitting = [of for of in self._learners if isinstance(of.report, Fits)]

    def discard(self) -> None:
        """Forget all."""
        self._learners, self._fitting, self._served, self._due_s = [], [], {}, {}

    def resume(self, checkpoint: ModelCheckpoint) -> None:
        """Let a report go on from its checkpoint; raises ValueError if it does not fit."""
        for learner in self._learners:
            if checkpoint.model == MODEL and checkpoint.kind == learner.name:
                learner.resume(checkpoint)

    def next_offsets(self) -> Iterable[int]:
        """Return the first record that each report has not learned."""
        return [learner.next_offset for learner in self._learners]

    def learn(self, example: Decoded, offset: int) -> None:
        """Have all take in a record; what is no milestone, or contradicts them, is passed over."""
        if not isinstance(example, Milestone):
            self.pass_over(offset)
            return
        for learner in self._learners:
            try:
                learner.learn(example, offset)
            except ValueError as error:  # one milestone must not stop all that come after it
                metrics.MILESTONES_REFUSED.labels(learner.name).inc()
                log.warning("a milestone is passed over", report=learner.name, error=str(error))

    async def fit(self) -> None:
        """Fit what is due, beside the process's other work."""
        for learner in self._fitting:
            report = cast(Fits, learner.report)
            if report.is_fit_due:
                await asyncio.to_thread(report.fit)

    def pass_over(self, offset: int) -> None:
        """Count a record as done that says nothing to reports."""
        for learner in self._learners:
            learner.pass_over(offset)

    def serve(self) -> Iterable[tuple[ReportLearner, list[Output]]]:
        """Yield the reports that serve something new, and the records that publish it."""
        for learner in self._learners:
            state = learner.served()
            if state is not None and state != self._served.get(learner.name):
                self._served[learner.name] = state
                serving = serving_record(learner.name, "serving", learner.version)
                yield learner, [learner.snapshot(state), serving]

    def checkpoints(self, now_s: float, *, everyone: bool = False) -> list[Output]:
        """Return the records that a restart goes on from, of the reports whose time has come."""
        records = []
        for learner in self._learners:
            is_due = everyone or now_s >= self._due_s.get(learner.name, now_s)
            if learner.has_learned and is_due:
                kept = learner.checkpoint()
                records.append(kept)
                self._due_s[learner.name] = now_s + len(kept.value or b"") / BYTES_PER_S
        return records

    def publish(self) -> None:
        """Set the gauges."""
        self._gauges.publish(self._learners)

    def withdraw(self) -> None:
        """Take the gauges back: somebody else learns now."""
        self._gauges.withdraw()
