"""Exact checks after a run: inputs against the log, the log's fold against states and outputs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas import topics
from stream.kafka.clients import read_all
from stream.kafka.snapshots import read_snapshots
from stream.lead.learner import Learner
from stream.lead.outputs import Origin, Output
from stream.lead.partition import META_KEY, Partition
from stream.lead.records import Batch
from stream.lead.routing import PART_HEADER, SOURCE_HEADER, Router
from stream.models import P_CONVERT, SnapshotStore, build_model
from stream.settings import Settings
from stream.stored_states import fold_log, latest_states

FOLDED = (
    topics.LEAD_SCORES,
    topics.NURTURE_TRIGGERS,
    topics.TRAINING_EXAMPLES,
    topics.LEAD_FORWARDS,
    topics.DEAD_LETTERS,
)
"""Topics that the fold of the log says the content of (of the dead letters: those of score)."""

Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""What a reader sees of a record: key, value, headers."""


@dataclass
class Verdict:
    """What was counted, and in words each thing that is not as it must be."""

    events_in: int = 0
    events_applied: int = 0
    events_refused: int = 0
    events_of_no_lead: int = 0
    outputs: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    duplicate_outputs: list[str] = field(default_factory=list)
    conflicting_outputs: list[str] = field(default_factory=list)
    state_mismatches: list[str] = field(default_factory=list)
    repeated_in_log: int = 0
    repeated_letters: int = 0
    letters_of_two_contents: int = 0

    def faults(self, delivery: str) -> list[str]:
        """Return everything that the delivery guarantee rules out."""
        twice = self.duplicate_outputs if delivery == "exactly_once" else []
        return [*self.lost, *twice, *self.conflicting_outputs, *self.state_mismatches]


async def check(
    settings: Settings, idle: Mapping[int, Mapping[bytes, bytes]] | None = None
) -> Verdict:
    """Check all that workers left in Kafka; they must be stopped.

    Parameters
    ----------
    idle
        Partition -> states that were in the changelog before, of leads that nothing happened to.
    """
    verdict = Verdict()
    await _check_inputs(settings, verdict)
    outputs = await _check_states(settings, verdict, idle or {})
    await _check_outputs(settings, verdict, outputs)
    await _check_models(settings, verdict)
    return verdict


def changelog_of(partition: Partition) -> dict[bytes, bytes]:
    """Return what the changelog says of a partition, as the product itself writes it."""
    records = partition.changelog(Batch(touched=dict.fromkeys(partition.leads)))
    return {key: value for key, value in records if value is not None}


async def records_of(settings: Settings, topic: topics.Topic) -> list[Any]:
    """Return all committed records of a topic, by partition and offset."""
    found: list[Any] = []
    for number in range(topic.partitions or settings.partitions):
        found += await read_all(settings, settings.topic(topic.name), number)
    return found


def as_sent(record: Any) -> Sent:
    """Return what counts of a record or an output: key, value, headers."""
    return record.key, record.value, tuple((name, bytes(value)) for name, value in record.headers)


async def _check_inputs(settings: Settings, verdict: Verdict) -> None:
    """Compare each input with the log: routing is pure, so it says what must be there."""
    logged = await _logged(settings, verdict)
    letters: dict[str, set[str]] = defaultdict(set)
    for record in await records_of(settings, topics.DEAD_LETTERS):
        letter = orjson.loads(record.value)
        source = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
        if letter["stage"] == "route":
            letters[source].add(letter["reason"])
    router = Router(
        settings.email_key.get_secret_value().encode(),
        replayed=settings.clock == "event",
        future_tolerance_s=settings.future_tolerance_s,
    )
    for topic in (*topics.INPUTS, topics.LEAD_FORWARDS):
        for record in await records_of(settings, topic):
            origin = Origin(topic.name, record.partition, record.offset, record.timestamp / 1000.0)
            source = f"{topic.name}/{record.partition}/{record.offset}"
            routed = router.route(record.key, record.value, origin)
            own = topic is not topics.LEAD_FORWARDS
            verdict.events_in += own
            expected = {_part(o): (o.key, o.value) for o in routed.outputs}
            if routed.event_type == "refused":
                verdict.events_refused += own
                reasons = letters.pop(source, set())
                if reasons != {routed.outcome}:
                    verdict.lost.append(f"{source}: no dead letter {routed.outcome}, {reasons}")
                expected = {}
            elif not expected:
                verdict.events_of_no_lead += own
            found = logged.pop(source, {})
            verdict.events_applied += own and bool(found)
            for part, content in expected.items():
                if part not in found:
                    verdict.lost.append(f"{source} part {part}: {_short(content)}")
                elif found[part] != content:
                    verdict.state_mismatches.append(f"{source} part {part} in the log differs")
            verdict.state_mismatches += [
                f"{source} part {part} in the log, unasked for" for part in found.keys() - expected
            ]
    verdict.state_mismatches += [f"{source} in the log, of no input" for source in logged]
    verdict.state_mismatches += [f"{source}: a dead letter of no refusal" for source in letters]


async def _logged(settings: Settings, verdict: Verdict) -> dict[str, dict[int, Any]]:
    """Return source -> part -> key and value; what the fold will pass over unseen is lost."""
    logged: dict[str, dict[int, Any]] = defaultdict(dict)
    for record in await records_of(settings, topics.LEAD_EVENTS):
        source = dict(record.headers).get(SOURCE_HEADER, b"").decode()
        if not source:
            continue
        part = _part(record)
        if part in logged[source]:
            verdict.repeated_in_log += 1
        else:
            logged[source][part] = record.key, record.value
    await _check_order(settings, verdict)
    return logged


async def _check_order(settings: Settings, verdict: Verdict) -> None:
    """The fold takes what is not after the last of its source for a repeat: it must be one."""
    for number in range(settings.partitions):
        last: dict[str, tuple[int, int]] = {}
        seen: set[tuple[str, tuple[int, int]]] = set()
        for record in await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number):
            where = dict(record.headers).get(SOURCE_HEADER)
            if where is None:
                continue
            source, _, offset = where.decode().rpartition("/")
            position = int(offset), _part(record)
            if position < last.get(source, (-1, 0)) and (source, position) not in seen:
                verdict.lost.append(
                    f"{where.decode()} in the log of partition {number} at {record.offset}, after "
                    f"{last[source]} of the same source: passed over as a repeat, and is none"
                )
            seen.add((source, position))
            last[source] = max(position, last.get(source, (-1, 0)))


async def _check_states(
    settings: Settings, verdict: Verdict, idle: Mapping[int, Mapping[bytes, bytes]]
) -> list[Output]:
    """Compare stored states with the plain fold of the log; return the fold's outputs."""
    store = SnapshotStore()
    await read_snapshots(settings, store)
    outputs: list[Output] = []
    for number in range(settings.partitions):
        stored = await latest_states(settings, number)
        until = 0
        if META_KEY in stored:
            started = Partition(settings.house(), store, [(META_KEY, stored[META_KEY])])
            until = started.next_offset
        name = settings.topic(topics.LEAD_EVENTS.name)
        verdict.lost += [
            f"{name}/{number}/{r.offset} not folded (states end at {until}): {_short(r)}"
            for r in await read_all(settings, name, number, until)
            if SOURCE_HEADER in dict(r.headers)
        ]
        partition, sent = await fold_log(settings, number, settings.house(), store, until)
        outputs += sent
        folded = {**idle.get(number, {}), **changelog_of(partition)}
        for key in sorted(stored.keys() | folded.keys()):
            if stored.get(key) != folded.get(key):
                verdict.state_mismatches.append(
                    f"partition {number}, state of {key!r}: "
                    f"{_difference(stored.get(key), folded.get(key))}"
                )
    return outputs


async def _check_outputs(settings: Settings, verdict: Verdict, outputs: list[Output]) -> None:
    """Compare what readers see with what the fold sends."""
    for topic in FOLDED:
        records = await records_of(settings, topic)
        if topic is topics.DEAD_LETTERS:
            await _count_letters(records, verdict)
            records = [r for r in records if orjson.loads(r.value)["stage"] == "score"]
        recorded = Counter(as_sent(r) for r in records)
        expected = Counter(as_sent(o) for o in outputs if o.topic == topic.name)
        verdict.outputs[topic.name] = recorded.total()
        contents: dict[bytes, set[Sent]] = defaultdict(set)
        times: Counter[bytes] = Counter()
        for sent, count in recorded.items():
            ce_id = dict(sent[2]).get("ce_id")
            if ce_id is not None:
                contents[ce_id].add(sent)
                times[ce_id] += count
            elif count > expected[sent] > 0:
                verdict.duplicate_outputs.append(f"{topic.name}: {count} times {_short(sent)}")
            if sent not in expected:
                verdict.state_mismatches.append(
                    f"{topic.name}: an output that the log does not lead to: {_short(sent)}"
                )
        verdict.duplicate_outputs += [
            f"{topic.name}: ce_id {ce_id!r} {n} times" for ce_id, n in times.items() if n > 1
        ]
        verdict.conflicting_outputs += [
            f"{topic.name}: ce_id {ce_id!r} with contents {[_short(s) for s in several]}"
            for ce_id, several in contents.items()
            if len(several) > 1
        ]
        verdict.state_mismatches += [
            f"{topic.name}: an output that the log leads to is not there: {_short(sent)}"
            for sent, count in expected.items()
            if recorded[sent] < (count if settings.delivery == "exactly_once" else 1)
        ]


async def _count_letters(records: Iterable[Any], verdict: Verdict) -> None:
    """Count what route repeated: it may, since it keeps no state, and readers keep ids."""
    contents: dict[bytes, list[Sent]] = defaultdict(list)
    for record in records:
        if orjson.loads(record.value)["stage"] == "route":
            contents[dict(record.headers)["ce_id"]].append(as_sent(record))
    verdict.repeated_letters = sum(len(c) - 1 for c in contents.values())
    verdict.letters_of_two_contents = sum(len(set(c)) > 1 for c in contents.values())


async def _check_models(settings: Settings, verdict: Verdict) -> None:
    """Learn the examples again: each version is what its examples say, and none goes back."""
    snapshots, served = {}, -1
    for record in await records_of(settings, topics.MODEL_SNAPSHOTS):
        name = record.key.decode()
        if name == f"{P_CONVERT}/serving" and record.value is not None:
            version = int(orjson.loads(record.value)["version"])
            if version < served:
                verdict.state_mismatches.append(f"version {version} served after {served}")
            served = version
        elif name.removeprefix(f"{P_CONVERT}/").isdigit() and record.value is not None:
            if snapshots.setdefault(name, record.value) != record.value:
                verdict.conflicting_outputs.append(f"{name} was published with two contents")
    learner = Learner(P_CONVERT, build_model(None))
    for record in await records_of(settings, topics.TRAINING_EXAMPLES):
        learner.learn(record.value, record.offset)
        published = snapshots.pop(f"{P_CONVERT}/{learner.version}", None)
        if published is not None and learner.snapshot()[0].value != published:
            verdict.state_mismatches.append(
                f"model version {learner.version} is not what its examples teach"
            )
    verdict.state_mismatches += [f"{name} names no example" for name in snapshots]


def _part(record: Any) -> int:
    return int(dict(record.headers).get(PART_HEADER, b"0"))


def _short(content: Any) -> str:
    text = repr((content.key, content.value) if hasattr(content, "value") else content)
    return text if len(text) <= 400 else f"{text[:400]}…"


def _difference(stored: bytes | None, folded: bytes | None) -> str:
    """Say what differs, field by field where both are JSON objects."""
    if stored is None or folded is None:
        return "not stored, but folded" if stored is None else "stored, but not folded"
    try:
        ours, theirs = orjson.loads(stored), orjson.loads(folded)
    except orjson.JSONDecodeError:
        return f"stored {stored[:200]!r}, folded {folded[:200]!r}"
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return f"stored {_short(ours)}, folded {_short(theirs)}"
    return "; ".join(
        f"{name}: stored {_short(ours.get(name))}, folded {_short(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    )
