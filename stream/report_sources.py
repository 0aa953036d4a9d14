"""Where reports come from: what the learner has kept and what has come since, or a log."""

import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from schemas import topics
from schemas.milestones import Milestone, SegmentSeen, TextSeen
from stream.event_files import topic_of
from stream.kafka.clients import partitions_of, read_batches, read_latest
from stream.lead.learner import decoded, decoded_checkpoint
from stream.models import SEGMENTS, TOPICS
from stream.offline import OfflineStream
from stream.reports.learner import MODEL, ReportLearner
from stream.reports.report import Report, day_of
from stream.reports.segments import SegmentsReport, TakesSegmentNames
from stream.reports.spend import Spend, TakesSpend
from stream.scored_rows import Watch
from stream.settings import Settings


async def report_from_kafka(settings: Settings, name: str) -> Report:
    """Return a report as of now: its newest checkpoint, and all milestones since.

    A checkpoint that does not fit, of another currency say, is left aside, as the learner does it.
    """
    checkpoints = await read_latest(settings, settings.topic(topics.MODEL_CHECKPOINTS.name), 0)
    learner = _resumed(settings, name, checkpoints)
    examples = settings.topic(topics.TRAINING_EXAMPLES.name)
    async for batch in read_batches(settings, examples, 0, learner.next_offset):
        for record in batch:
            with suppress(ValueError):  # as the learner passes it over, and counts it
                milestone = decoded(record.value)
                if isinstance(milestone, Milestone):
                    learner.learn(milestone, record.offset)
    if isinstance(learner.report, TakesSpend):
        learner.report.take_spend(await spend_from_kafka(settings))
    if isinstance(learner.report, TakesSegmentNames):
        segments = _resumed(settings, SEGMENTS, checkpoints)
        learner.report.take_segment_names(_names(segments))
    return learner.report


def _resumed(settings: Settings, name: str, checkpoints: Mapping[bytes, bytes]) -> ReportLearner:
    learner = ReportLearner(name, settings.report_terms())
    stored = checkpoints.get(f"{MODEL}/{name}".encode())
    if stored is not None:
        with suppress(ValueError):
            learner.resume(decoded_checkpoint(stored))
    return learner


def _names(segments: ReportLearner) -> dict[str, str]:
    report = segments.report
    return report.names if isinstance(report, SegmentsReport) else {}


def report_from_log(
    settings: Settings, name: str, lines: Iterable[bytes]
) -> tuple[Report, int | None]:
    """Return a report of the events of a log, folded as the workers would, and its newest day.

    That is the newest milestone's, counted from 1970-01-01; None where there is none.
    """
    spend, log = Spend(), ReportedLog(settings, name)
    for line in lines:
        topic = topic_of(line)
        if topic == topics.COSTS.name:
            spend.add(line)
        log.stream.feed(topic, line)
    if isinstance(log.report, TakesSpend):
        log.report.take_spend(spend)
    if isinstance(log.report, TakesSegmentNames):
        log.report.take_segment_names(_names(log.segments))
    return log.report, log.newest


class ReportedLog:
    """A report that learns while a log is folded; segments and topics serve meanwhile.

    Parameters
    ----------
    name
        Of the report.
    watch
        Is shown each score as it is made.

    Attributes
    ----------
    stream
        Takes in the log's events.
    newest
        The newest milestone's day, counted from 1970-01-01; None before the first.
    """

    def __init__(self, settings: Settings, name: str, watch: Watch | None = None) -> None:
        terms = settings.report_terms()
        self._learners = {of: ReportLearner(of, terms) for of in (name, SEGMENTS, TOPICS)}
        self._name = name
        self._served: dict[str, dict[str, Any] | None] = {}
        self.newest: int | None = None
        email_key = settings.email_key.get_secret_value().encode()
        self.stream = OfflineStream(
            settings.house(),
            email_key,
            time.time(),
            watch=watch,
            note=self._note,
            reader=settings.text_reader(),
        )

    @property
    def segments(self) -> ReportLearner:
        """What has been learned of segments so far."""
        return self._learners[SEGMENTS]

    @property
    def report(self) -> Report:
        """What has been learned so far."""
        return self._learners[self._name].report

    def _note(self, milestone: Milestone) -> None:
        day = day_of(milestone.occurred_at)
        self.newest = day if self.newest is None else max(self.newest, day)
        for learner in self._learners.values():
            with suppress(ValueError):
                learner.learn(milestone, learner.next_offset)
        match milestone:
            case SegmentSeen():
                self._serve(self._learners[SEGMENTS])
            case TextSeen():
                self._serve(self._learners[TOPICS])

    def _serve(self, learner: ReportLearner) -> None:
        state = learner.served()
        if state is not None and state != self._served.get(learner.name):
            self._served[learner.name] = state
            self.stream.serve(learner.name, learner.version, learner.snapshot(state))


async def spend_from_kafka(settings: Settings) -> Spend:
    """Return all costs that the topic keeps, each once."""
    spend = Spend()
    costs = settings.topic(topics.COSTS.name)
    for number in range(await partitions_of(settings, topics.COSTS)):
        async for batch in read_batches(settings, costs, number):
            for record in batch:
                spend.add(record.value)
    return spend
