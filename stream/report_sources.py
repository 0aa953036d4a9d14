"""Where reports come from: what the learner has kept and what has come since, or a log."""

import time
from collections.abc import Iterable
from contextlib import suppress

from schemas import topics
from schemas.milestones import Milestone
from stream.event_files import topic_of
from stream.kafka.clients import read_batches, read_latest
from stream.lead.learner import decoded, decoded_checkpoint
from stream.offline import OfflineStream
from stream.reports.learner import MODEL, ReportLearner
from stream.reports.report import Report, day_of
from stream.reports.spend import Spend, TakesSpend
from stream.settings import Settings
from stream.stored_states import partitions_of


async def report_from_kafka(settings: Settings, name: str) -> Report:
    """Return a report as of now: its newest checkpoint, and all milestones since.

    A checkpoint that does not fit, of another currency say, is left aside, as the learner does it.
    """
    learner = ReportLearner(name, settings.report_terms())
    checkpoints = await read_latest(settings, settings.topic(topics.MODEL_CHECKPOINTS.name), 0)
    stored = checkpoints.get(f"{MODEL}/{name}".encode())
    if stored is not None:
        with suppress(ValueError):
            learner.resume(decoded_checkpoint(stored))
    examples = settings.topic(topics.TRAINING_EXAMPLES.name)
    async for batch in read_batches(settings, examples, 0, learner.next_offset):
        for record in batch:
            with suppress(ValueError):  # as the learner passes it over, and counts it
                milestone = decoded(record.value)
                if isinstance(milestone, Milestone):
                    learner.learn(milestone, record.offset)
    if isinstance(learner.report, TakesSpend):
        learner.report.take_spend(await spend_from_kafka(settings))
    return learner.report


def report_from_log(
    settings: Settings, name: str, lines: Iterable[bytes]
) -> tuple[Report, int | None]:
    """Return a report of the events of a log, folded as the workers would, and its newest day.

    That is the newest milestone's, counted from 1970-01-01; None where there is none.
    """
    learner = ReportLearner(name, settings.report_terms())
    house = settings.house()
    email_key = settings.email_key.get_secret_value().encode()

    newest: int | None = None
    spend = Spend()

    def note(milestone: Milestone) -> None:
        nonlocal newest
        day = day_of(milestone.occurred_at)
        newest = day if newest is None else max(newest, day)
        with suppress(ValueError):
            learner.learn(milestone, learner.next_offset)

    stream = OfflineStream(house, email_key, time.time(), note=note, reader=settings.text_reader())
    for line in lines:
        topic = topic_of(line)
        if topic == topics.COSTS.name:
            spend.add(line)
        stream.feed(topic, line)
    if isinstance(learner.report, TakesSpend):
        learner.report.take_spend(spend)
    return learner.report, newest


async def spend_from_kafka(settings: Settings) -> Spend:
    """Return all costs that the topic keeps, each once."""
    spend = Spend()
    costs = settings.topic(topics.COSTS.name)
    for number in range(await partitions_of(settings, topics.COSTS)):
        async for batch in read_batches(settings, costs, number):
            for record in batch:
                spend.add(record.value)
    return spend
