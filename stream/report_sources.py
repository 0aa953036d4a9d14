"""Where reports come from: what the learner has kept and what has come since, or a log."""

import time
from collections.abc import Iterable

from schemas import topics
from schemas.milestones import Milestone
from stream.event_files import topic_of
from stream.kafka.clients import read_batches, read_latest
from stream.lead.learner import decoded, decoded_checkpoint
from stream.offline import OfflineStream
from stream.reports.learner import MODEL, ReportLearner
from stream.reports.report import Report
from stream.settings import Settings


async def report_from_kafka(settings: Settings, name: str) -> Report:
    """Return a report as of now: its newest checkpoint, and all milestones since.

    Raises
    ------
    ModelFormatError
        If the checkpoint is of another release.
    """
    learner = ReportLearner(name, settings.report_terms())
    checkpoints = await read_latest(settings, settings.topic(topics.MODEL_CHECKPOINTS.name), 0)
    stored = checkpoints.get(f"{MODEL}/{name}".encode())
    if stored is not None:
        learner.resume(decoded_checkpoint(stored))
    examples = settings.topic(topics.TRAINING_EXAMPLES.name)
    async for batch in read_batches(settings, examples, 0, learner.next_offset):
        for record in batch:
            try:
                milestone = decoded(record.value)
                if isinstance(milestone, Milestone):
                    learner.learn(milestone, record.offset)
            except ValueError:  # as the learner passes it over, and counts it
                continue
    return learner.report


def report_from_log(settings: Settings, name: str, lines: Iterable[bytes]) -> Report:
    """Return a report of the events of a log, folded as the workers would."""
    learner = ReportLearner(name, settings.report_terms())
    house = settings.house()
    email_key = settings.email_key.get_secret_value().encode()

    def note(milestone: Milestone) -> None:
        learner.learn(milestone, learner.next_offset)

    stream = OfflineStream(house, email_key, time.time(), note=note)
    for line in lines:
        stream.feed(topic_of(line), line)
    return learner.report
