"""What must hold of every decoder for any bytes: each check returns what became of them.

Fuzzing and property tests share these; an exception that a check lets through is a crash.
"""

import gzip
import tempfile
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import orjson
from lead_stream import DAY_S, EMAIL_KEY, HOUSE, START_S, event

from online_models.catalogue import KINDS, build_model
from online_models.formats import ModelFormatError
from online_models.topic_scorer import TopicScorer
from schemas import topics
from schemas.milestones import TextSeen
from schemas.topics import TOPICS
from stream.cli.run import _key_and_time
from stream.event_files import MAX_LINE_BYTES, EventFileError, read_lines, topic_of
from stream.lead.actions import ActionsFileError, parse_catalogue
from stream.lead.erasure import ERASED_PREFIX
from stream.lead.house import House
from stream.lead.learner import Learner, decoded, decoded_checkpoint
from stream.lead.outputs import Origin, Output
from stream.lead.partition import Partition
from stream.lead.point_rules import RulesFileError, parse_point_rules
from stream.lead.progress import META_KEY
from stream.lead.routing import Router
from stream.lead.rule_segments import SegmentsFileError, parse_rule_segments
from stream.lead.state import LeadState, StateFormatError
from stream.lead.stored_form import frame, read_row
from stream.lead.stored_state import check_meta, check_state
from stream.models import P_CONVERT, SnapshotStore
from stream.offline import LogEntry
from stream.reports.report import Terms
from stream.reports.topics import TopicsReport

KIND = "bayesian_logistic"
VERSION = "logistic-7"
_LIBRARY = KINDS["logistic"].library
SNAPSHOT: dict[str, Any] = {
    "type": "model_snapshot", "model": P_CONVERT, "version": VERSION, "snapshot_schema": 1,
    "library": _LIBRARY, "examples": 90, "positives": 30,
    "state": {
        "schema": 1, "library": _LIBRARY, "positives": 30, "negatives": 60, "intercept": -1.5,
        "numeric": {
            "age": [0.3, 9.0, 0.4], "points": [1.2, 20.0, 0.05], "dwell": [0.1, 3.0, 0.5],
            "attribute:company_size": [0.7, 120.0, 0.01], "attribute_log:company_size": [2, 4, 1],
        },
        "plain": {
            "count:page_view": 0.4, "count_7d:page_view:pricing": 0.9, "last=page_view:pricing": 1,
            "stage=negotiation": 2.0, "attribute:country=DE": -0.5, "count:activity:call": 1e3,
        },
    },
}  # fmt: skip
SERVING = {"type": "serving_version", "model": P_CONVERT, "version": VERSION}
EXAMPLE = {
    "type": "training_example", "model": P_CONVERT,
    "x": {"age": 3.5, "points": 40.0, "count:page_view": 1.1, "last": "form_fill:demo_request"},
    "y": True, "weight": 1.0, "p_convert": 0.2, "occurred_at": "2026-01-01T00:00:00Z",
    "labelled_at": "2026-02-01T00:00:00Z",
}  # fmt: skip


@cache
def stored_models(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a snapshot and a checkpoint of a model that has learned a little."""
    learner = Learner(P_CONVERT, kind, build_model)
    for offset in range(4):
        example = EXAMPLE | {"y": offset % 2 == 0, "x": {**EXAMPLE["x"], "age": 1.0 * offset}}
        learner.learn(decoded(orjson.dumps(example)), offset)
    snapshot = orjson.loads(learner.snapshot().value or b"")
    return snapshot | {"version": VERSION}, orjson.loads(learner.checkpoint().value or b"")


STORE = SnapshotStore()
STORE.put(f"{P_CONVERT}/{VERSION}", orjson.dumps(SNAPSHOT))

MAX_OUTPUT_BYTES = 4 << 20
MAX_FORWARDS = 100
_ADAPTERS = {topic.name: topic.adapter() for topic in TOPICS if topic.messages}
_ROUTERS = {
    replayed: Router(EMAIL_KEY, HOUSE.sealer, replayed=replayed) for replayed in (False, True)
}
_RECEIVED_S = START_S + DAY_S


def check_route(
    records: Iterable[tuple[str, bytes | None, bytes | None]], *, replayed: bool = False
) -> Counter[str]:
    """Route records, fold what is accepted, and restore it; return outcomes and refusals."""
    fold = _Fold(replayed)
    for topic, key, value in records:
        fold.arrive(topic, key, value)
    fold.end()
    return fold.outcomes


class _Fold:
    def __init__(self, replayed: bool) -> None:
        self.outcomes: Counter[str] = Counter()
        self._router = _ROUTERS[replayed]
        self._partition = Partition(HOUSE, STORE)
        self._changelog: dict[bytes, bytes] = {}
        self._arrived: Counter[str] = Counter()
        self._length = 0
        self._append(None, b'{"type":"use_model","model":"p_convert","version":"7"}', [])

    def arrive(self, topic: str, key: bytes | None, value: bytes | None) -> None:
        waiting: deque[tuple[str, bytes | None, bytes | None]] = deque([(topic, key, value)])
        for _ in range(MAX_FORWARDS):
            if not waiting:
                return
            name, one_key, one_value = waiting.popleft()
            origin = Origin(name, 0, self._arrived[name], _RECEIVED_S)
            self._arrived[name] += 1
            routed = self._router.route(one_key, one_value, origin)
            if name == topic:
                self.outcomes[routed.outcome] += 1
            refused = routed.event_type == "refused"
            assert refused == (routed.outcome != "accepted")
            for output in routed.outputs:
                if output.topic == topics.LEAD_EVENTS.name:
                    assert not refused
                    assert len(output.value or b"") <= MAX_OUTPUT_BYTES
                    for sent in self._append(output.key, output.value, output.headers):
                        waiting.append((sent.topic, sent.key, sent.value))
                else:
                    letter = self._check(output)
                    assert refused
                    assert letter.reason == routed.outcome
                    kept = HOUSE.sealer.open(letter.sealed, origin.position)
                    assert (kept.key, kept.value) == (
                        one_key,
                        one_value or b"",
                    ) or not kept.is_whole
        raise AssertionError("forwards without end")

    def end(self) -> None:
        """Let a hundred days pass, so that timers fire, and restore everything."""
        tick = orjson.dumps({"type": "tick", "now_s": _RECEIVED_S + 100 * DAY_S})
        self._append(None, tick, [])
        partition = self._partition
        restored = Partition(HOUSE, STORE, self._changelog.items())
        assert set(restored.leads) == set(partition.leads)
        for address in partition.leads:
            mine, theirs = partition.leads.get(address), restored.leads.get(address)
            assert mine is not None
            assert theirs is not None
            assert orjson.dumps(theirs.to_json()) == orjson.dumps(mine.to_json())
        assert restored.progress.to_json() == partition.progress.to_json()
        for key, value in self._changelog.items():
            if not key.startswith(ERASED_PREFIX):
                (check_meta if key == META_KEY else check_state)(read_row(value).body)

    def _append(
        self, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
    ) -> list[Output]:
        at_ms = int(_RECEIVED_S * 1000)
        self._partition.apply(LogEntry(self._length, at_ms, key, value, headers))
        self._length += 1
        batch = self._partition.take()
        for changed, state in self._partition.changelog(batch):
            if state is None:
                self._changelog.pop(changed, None)
            else:
                self._changelog[changed] = state
        for output in batch.outputs:
            message = self._check(output)
            if output.topic == topics.DEAD_LETTERS.name:
                self.outcomes[message.reason] += 1
        return [o for o in batch.outputs if o.topic == topics.LEAD_FORWARDS.name]

    @staticmethod
    def _check(output: Output) -> Any:
        assert len(output.key) + len(output.value or b"") <= MAX_OUTPUT_BYTES
        message = _ADAPTERS[output.topic].validate_json(output.value or b"")
        if output.topic == topics.DEAD_LETTERS.name:
            assert message.message
            assert len(message.message) < 1_000
            assert len(message.field or "") <= 128
        return message


def check_stored_state(value: bytes, *, meta: bool = False) -> str:
    """Restore a changelog record as it is, and as the body of a sound frame."""
    framed = _check_row(frame(value, START_S, 5), meta=meta)
    return framed if _check_row(value, meta=meta) == "refused" else "accepted"


def _check_row(value: bytes, *, meta: bool) -> str:
    """Restore a changelog record; what is found to be sound must also be of use."""
    try:
        partition = Partition(HOUSE, STORE, [(META_KEY if meta else b"L", value)])
        (check_meta if meta else check_state)(read_row(value).body)
        for address in partition.leads:
            partition.leads.get(address)
    except StateFormatError as error:
        _is_short(error)
        return "refused"
    partition.progress.versions[P_CONVERT] = VERSION
    for address in [*partition.leads, "L"]:
        offset = max(partition.progress.next_offset, 2**62)
        view = orjson.dumps(event("page_view", "e"))
        partition.apply(LogEntry(offset, int(_RECEIVED_S * 1000), address.encode(), view))
    tick = b'{"type":"tick","now_s":%.1f}' % (_RECEIVED_S + 100 * DAY_S)
    partition.apply(LogEntry(2**62 + 9, 0, None, tick))
    for output in partition.take().outputs:
        _ADAPTERS[output.topic].validate_json(output.value or b"")
    for state in (partition.leads.get(a) for a in list(partition.leads)):
        assert state is not None
        again = orjson.dumps(state.to_json())
        assert orjson.dumps(LeadState.from_json(orjson.loads(again)).to_json()) == again
    return "accepted"


def check_snapshot_record(value: bytes, *, role: bool = False) -> str:
    """Put a record of ``model-snapshots`` and score with what it brought."""
    store = SnapshotStore()
    try:
        store.put(f"{P_CONVERT}/{'serving' if role else VERSION}", value)
        store.serving(P_CONVERT)
        scorer = store.scorer(P_CONVERT, VERSION)
    except ModelFormatError as error:
        _is_short(error)
        return "refused"
    if scorer is not None:
        partition = Partition(HOUSE, store)
        partition.progress.versions[P_CONVERT] = VERSION
        view = orjson.dumps(event("page_view", "e"))
        partition.apply(LogEntry(0, int(_RECEIVED_S * 1000), b"L", view))
        for output in partition.take().outputs:
            _ADAPTERS[output.topic].validate_json(output.value or b"")
    return "accepted"


def check_checkpoint(value: bytes) -> str:
    """Restore a learner, and let it go on."""
    try:
        checkpoint = decoded_checkpoint(value)
        learner = Learner(checkpoint.model, checkpoint.kind, build_model)
        learner.resume(checkpoint)
    except ValueError as error:
        _is_short(error)
        return "refused"
    learner.learn(decoded(orjson.dumps(EXAMPLE)), learner.next_offset)
    learner.checkpoint()
    learner.snapshot()
    return "accepted"


def check_examples(values: Iterable[bytes]) -> Counter[str]:
    """Learn from records; the model that comes of it can be published and restored."""
    outcomes: Counter[str] = Counter()
    learner = Learner(P_CONVERT, KIND, build_model)
    for offset, value in enumerate([orjson.dumps(EXAMPLE), *values]):
        try:
            learned = learner.learn(decoded(value), offset)
            outcomes["passed_over" if learned is None else "accepted"] += 1
        except ValueError as error:
            _is_short(error)
            learner.pass_over(offset)
            outcomes["refused"] += 1
        assert learner.next_offset == offset + 1
    again = Learner(P_CONVERT, KIND, build_model)
    again.resume(decoded_checkpoint(learner.checkpoint().value or b""))
    store = SnapshotStore()
    snapshot = learner.snapshot()
    store.put(snapshot.key.decode(), snapshot.value)
    assert store.scorer(P_CONVERT, learner.version) is not None
    return outcomes


def check_lines(data: bytes, suffix: str = ".jsonl") -> Counter[str]:
    """Read a file of these bytes as ``replay`` and ``evaluate`` do."""
    outcomes: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(data)
        file.flush()
        try:
            for line in read_lines(Path(file.name)):
                assert 0 < len(line) <= MAX_LINE_BYTES
                key, _ = _key_and_time(line)
                assert topic_of(line) in _ADAPTERS
                outcomes["unnamed" if key is None else "named"] += 1
        except EventFileError as error:
            _is_short(error)
            outcomes["refused"] += 1
    return outcomes


def packed(data: bytes) -> bytes:
    """Return data as gzip has it."""
    return gzip.compress(data, 1, mtime=0)


def check_rules(data: bytes) -> str:
    """Read point rules, and fold an event by them."""
    try:
        rules = parse_point_rules(data.decode("utf-8", "replace"))
    except RulesFileError as error:
        _is_short(error)
        return "refused"
    house = type(HOUSE)(points=rules)
    partition = Partition(house, STORE)
    for offset, one in enumerate((PROFILE, VIEW)):
        partition.apply(LogEntry(offset, int(_RECEIVED_S * 1000), b"L", one))
    for output in partition.take().outputs:
        _ADAPTERS[output.topic].validate_json(output.value or b"")
    return "accepted"


def check_catalogue(data: bytes) -> str:
    """Read an action catalogue, and decide by it."""
    try:
        catalogue = parse_catalogue(data.decode("utf-8", "replace"))
    except ActionsFileError as error:
        _is_short(error)
        return "refused"
    return _goes_by(replace(HOUSE, catalogue=catalogue, logs_decisions=True, exploration_ratio=0.5))


def check_topics(value: bytes) -> str:
    """Restore topics, as they serve or as they are learned, and let them go on."""
    words = ("quote", "price", "licence")
    try:
        state = orjson.loads(value)
        if isinstance(state, dict) and "model" in state:
            report = TopicsReport.restore(state, Terms("EUR"))
        else:
            TopicScorer(state).assign(words)
            return "accepted"
    except ValueError as error:
        _is_short(error)
        return "refused"
    for lead in ("a", "b"):
        seen = {"lead_hash": lead * 32, "words": words, "occurred_at": "2026-01-01T00:00:00Z"}
        report.learn(TextSeen.model_validate_json(orjson.dumps(seen)))
    TopicsReport.restore(orjson.loads(orjson.dumps(report.checkpoint())), Terms("EUR"))
    report.view(report.figures(0))
    TopicScorer(report._model.snapshot())
    return "accepted"


def check_segments(data: bytes) -> str:
    """Read rule segments, and follow leads by them."""
    try:
        segments = parse_rule_segments(data.decode("utf-8", "replace"))
    except SegmentsFileError as error:
        _is_short(error)
        return "refused"
    return _goes_by(replace(HOUSE, segments=segments))


def _goes_by(house: House) -> str:
    partition = Partition(house, STORE)
    for offset, one in enumerate((PROFILE, DEMO, UNSUBSCRIBED, WON)):
        partition.apply(LogEntry(offset, int(_RECEIVED_S * 1000), b"L", one))
    for output in partition.take().outputs:
        _ADAPTERS[output.topic].validate_json(output.value or b"")
    return "accepted"


DEMO = orjson.dumps(event("form_fill", "e3"))
UNSUBSCRIBED = orjson.dumps(event("email_unsubscribe", "e4"))
WON = orjson.dumps(event("outcome", "e5"))
VIEW = orjson.dumps(event("page_view", "e2", duration_s=9.5))
PROFILE = orjson.dumps(event("lead_profile", "e1", attributes={"company_size": 80, "vip": True}))


def _is_short(error: Exception) -> None:
    """Hold that what is said does not grow with what a sender wrote."""
    assert 0 < len(str(error)) < 1_000
