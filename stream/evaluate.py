"""The same events through the same decisions without Kafka, and how good the scores were."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.lead.house import House
from stream.lead.labels import WON
from stream.lead.learner import Learner
from stream.lead.outputs import Origin, Output
from stream.lead.partition import Partition
from stream.lead.routing import Router
from stream.models import P_CONVERT, SnapshotStore, build_model
from stream.quality import ScoredLead, quality
from stream.settings import ModelKind

SNAPSHOT_EVERY_EXAMPLES = 20
REFUSED_SHOWN = 5


@dataclass(slots=True)
class LogEntry:
    """A record of a log that is held in memory."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class OfflineStream:
    """route, score and learn in one loop: what the agents do, in the order of arrival.

    Parameters
    ----------
    house
        The rules of the house.
    email_key
        The secret that email addresses are hashed with.
    received_s
        The receiver's clock, epoch seconds: events beyond it are from the future.
    model
        What learns.
    """

    def __init__(
        self,
        house: House,
        email_key: bytes,
        received_s: float,
        model: ModelKind = "bayesian_logistic",
    ) -> None:
        self.store = SnapshotStore()
        self.partition = Partition(house, self.store)
        self.learner = Learner(P_CONVERT, build_model(None, model))
        self.outcomes: Counter[str] = Counter()
        self.outputs: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.refused: list[str] = []
        self._sealer = house.sealer
        self._router = Router(email_key, house.sealer, replayed=True)
        self._received_s = received_s
        self._offset = 0
        self._examples = 0
        self._arrived: Counter[str] = Counter()

    def feed(self, topic: str, value: bytes, key: bytes | None = None) -> list[tuple[str, float]]:
        """Take in one event; return the leads scored by it, with ``p_convert``."""
        waiting: deque[tuple[str, bytes | None, bytes | None]] = deque([(topic, key, value)])
        scored: list[tuple[str, float]] = []
        while waiting:
            name, record_key, record_value = waiting.popleft()
            origin = Origin(name, 0, self._arrived[name], self._received_s)
            self._arrived[name] += 1
            routed = self._router.route(record_key, record_value, origin)
            self.outcomes[routed.outcome] += 1
            for output in routed.outputs:
                self._settle(output, waiting, scored)
        return scored

    def _settle(
        self,
        output: Output,
        waiting: deque[tuple[str, bytes | None, bytes | None]],
        scored: list[tuple[str, float]],
    ) -> None:
        self.outputs[output.topic] += 1
        if output.topic == topics.LEAD_EVENTS.name:
            self._append(output)
            batch = self.partition.take()
            scored += batch.scored
            for further in batch.outputs:
                self._settle(further, waiting, scored)
        elif output.topic == topics.DEAD_LETTERS.name:
            letter = DeadLetter.model_validate_json(output.value or b"")
            self.reasons[letter.reason] += 1
            if len(self.refused) < REFUSED_SHOWN:
                detail = self._sealer.open(letter.sealed, letter.letter_id).detail
                self.refused.append(f"{letter.topic}: {letter.reason}: {detail}")
        elif output.topic == topics.LEAD_FORWARDS.name:
            waiting.append((output.topic, output.key, output.value))
        elif output.topic == topics.TRAINING_EXAMPLES.name:
            self.learner.learn(output.value or b"", self._examples)
            self._examples += 1
            if self._examples % SNAPSHOT_EVERY_EXAMPLES == 0:
                self._publish()

    def _publish(self) -> None:
        former = self.store.serving(P_CONVERT)
        for record in self.learner.snapshot():
            self.store.put(record.key.decode(), record.value)
        self.partition.progress.versions[P_CONVERT] = self.learner.version
        if former is not None:
            self.store.put(f"{P_CONVERT}/{former}", None)

    def _append(self, output: Output) -> None:
        entry = LogEntry(
            self._offset, int(self._received_s * 1000), output.key, output.value, output.headers
        )
        self._offset += 1
        self.partition.apply(entry)


def evaluate(
    lines: Iterable[tuple[str, bytes]],
    house: House,
    email_key: bytes,
    received_s: float,
    model: ModelKind = "bayesian_logistic",
) -> dict[str, Any]:
    """Score every event before its lead's outcome is known, and compare.

    Every prediction was made before its label: a lead's outcome reaches the model only
    when its event arrives. Predictions after a lead's first outcome are left out, and so
    are leads without one, which are counted.

    Parameters
    ----------
    lines
        Topic and value of each event, in the order of arrival.
    model
        What learns.

    Returns
    -------
    dict
        Counts, ``events_per_s``, and what ``stream.quality`` makes of the scores.
    """
    stream = OfflineStream(house, email_key, received_s, model)
    leads: dict[str, ScoredLead] = {}
    events = 0
    started_s = time.perf_counter()
    for topic, value in lines:
        events += 1
        for address, p_convert in stream.feed(topic, value):
            lead = leads.setdefault(address, ScoredLead(None, [], []))
            if lead.won is not None:
                continue
            state = stream.partition.leads.get(address)
            if state is not None and state.outcome is not None:
                # This very event was the outcome: what was scored with it knows the label.
                leads[address] = ScoredLead(state.outcome == WON, lead.p, lead.tiers)
            else:
                lead.p.append(p_convert)
                lead.tiers.append("" if state is None else str(state.tier))
    elapsed_s = time.perf_counter() - started_s
    decided = [lead.won for lead in leads.values() if lead.won is not None and lead.p]
    return {
        "events": events,
        "leads": len(leads),
        "decided": len(decided),
        "undecided": len(leads) - len(decided),
        "positives": sum(decided),
        "dead_letters": stream.outputs[topics.DEAD_LETTERS.name],
        "dead_letters_by_reason": dict(stream.reasons.most_common()),
        "first_dead_letters": stream.refused,
        "examples_learned": stream.learner.next_offset,
        **quality(list(leads.values())),
        "events_per_s": round(events / elapsed_s, 1) if elapsed_s else None,
    }
