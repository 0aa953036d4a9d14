"""Which stored models are used, and which are refused."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from decoder_checks import EXAMPLE

from online_models.catalogue import build_model
from schemas import topics
from stream import metrics
from stream.agents import learn
from stream.kafka.snapshots import take_in
from stream.lead.learner import Learner, champion_record, decoded, serving_record
from stream.lead.outputs import Output
from stream.lead.signature import SIGNATURE_HEADER, is_genuine, signed
from stream.models import P_CONVERT, SnapshotStore
from stream.settings import Settings

SECRET = "the-secret-of-this-deployment"  # noqa: S105 - of this test alone
SETTINGS = Settings(
    reports=False,
    snapshot_key=SECRET,
    snapshot_limit_bytes=2_000,
    model="logistic",
    challengers="",
    tasks="",
)

Change = Callable[[dict[str, Any]], dict[str, Any]]


def taught(examples: int) -> Learner:
    learner = Learner(P_CONVERT, "logistic", build_model)
    for n in range(examples):
        x = {"age": float(n % 7), "last": "page_view"}
        example = {**EXAMPLE, "x": x, "y": n % 2 == 0}
        learner.learn(decoded(orjson.dumps(example)), n)
    return learner


def as_read(output: Output) -> Any:
    return SimpleNamespace(key=output.key, value=output.value, headers=tuple(output.headers))


def published(examples: int, change: Change = lambda body: body, *, sign: bool = True) -> list[Any]:
    """Return the records of a version; its body changed before it was signed."""
    learner = taught(examples)
    version = learner.snapshot()
    serving = serving_record(P_CONVERT, "serving", learner.version)
    body = change(orjson.loads(version.value or b""))
    changed = Output(version.topic, version.key, orjson.dumps(body), [])
    outputs = [changed, serving]
    return [as_read(signed(o, SECRET.encode()) if sign else o) for o in outputs]


def store_of(*records: Any) -> SnapshotStore:
    store = SnapshotStore()
    for record in records:
        take_in(SETTINGS, store, record)
    return store


def refused(reason: str, model: str = P_CONVERT) -> float:
    return metrics.SNAPSHOTS_REFUSED.labels(model, reason)._value.get()


def state(**changed: Any) -> Change:
    return lambda body: {**body, "state": {**body["state"], **changed}}


def without(field: str) -> Change:
    return lambda body: {
        **body,
        "state": {name: value for name, value in body["state"].items() if name != field},
    }


def library(name: str) -> Change:
    return lambda body: {**body, "library": name, "state": {**body["state"], "library": name}}


REFUSALS: list[tuple[str, Change]] = [
    ("too_large", state(plain={f"n{n}": 1.0 for n in range(500)})),
    ("schema", state(schema=99)),
    ("malformed", lambda body: {**body, "library": "river 0.0.1"}),
    ("library", library("river 0.0.1")),
    ("malformed", lambda body: {**body, "version": "logistic-7"}),
    ("malformed", lambda body: {**body, "model": "other"}),
    ("malformed", lambda body: {k: v for k, v in body.items() if k != "examples"}),
    ("malformed", lambda body: {**body, "state": {"schema": 1}}),
    ("malformed", without("numeric")),
    ("malformed", state(intercept="0")),
    ("malformed", state(numeric={"age": [1.0, 2.0]})),
    ("malformed", state(numeric={"age": [1.0, 2.0, None]})),
    ("malformed", state(plain={"last=x": "1"})),
    ("malformed", state(plain=[])),
    ("malformed", state(positives=-1)),
]


@pytest.mark.parametrize(("reason", "change"), REFUSALS)
def test_a_version_that_does_not_fit_is_counted_and_the_one_before_it_serves(reason, change):
    before = refused(reason)
    store = store_of(*published(20), *published(30), *published(40, change))
    assert store.serving(P_CONVERT) == "logistic-30"
    assert store.scorer(P_CONVERT, "logistic-40") is None
    assert store.scorer(P_CONVERT, "logistic-30") is not None
    assert refused(reason) == before + 1, "counted once, however often it is asked for"
    take_in(SETTINGS, store, published(50)[0])
    take_in(SETTINGS, store, published(50)[1])
    assert store.serving(P_CONVERT) == "logistic-50"


def test_without_any_version_that_fits_none_serves():
    store = store_of(*published(20, state(schema=99)))
    assert store.serving(P_CONVERT) is None


def test_what_is_not_signed_by_this_deployment_is_not_even_kept():
    before = refused("signature")
    store = store_of(*published(20), *published(30, sign=False))
    assert store.versions(P_CONVERT) == ["logistic-20"]
    assert store.serving(P_CONVERT) == "logistic-20"
    assert refused("signature") == before + 2


@pytest.mark.parametrize("part", ["key", "value", "headers"])
def test_a_record_that_was_tampered_with_is_refused(part):
    version, serving = published(30)
    other = published(40)[0]
    forged = {
        "key": b"p_convert/logistic-31",
        "value": version.value.replace(b'"positives":15', b'"positives":51'),
        "headers": other.headers,
    }
    assert forged[part] != getattr(version, part)
    setattr(version, part, forged[part])
    store = store_of(*published(20), version, serving)
    assert store.versions(P_CONVERT) == ["logistic-20"]
    assert store.serving(P_CONVERT) == "logistic-20"


@pytest.mark.parametrize("role", ["serving", "pin"])
def test_only_this_deployment_says_which_version_serves(role):
    genuine = [*published(20), *published(30)]
    forged = as_read(serving_record(P_CONVERT, role, "logistic-20"))
    assert store_of(*genuine, forged).serving(P_CONVERT) == "logistic-30"
    wanted = as_read(signed(serving_record(P_CONVERT, role, "logistic-20"), SECRET.encode()))
    store = store_of(*genuine, wanted)
    assert store.serving(P_CONVERT) == "logistic-20"
    tombstone = Output(topics.MODEL_SNAPSHOTS.name, b"p_convert/logistic-20", None, [])
    take_in(SETTINGS, store, as_read(tombstone))
    assert store.serving(P_CONVERT) == "logistic-20"
    take_in(SETTINGS, store, as_read(signed(tombstone, SECRET.encode())))
    assert store.versions(P_CONVERT) == ["logistic-30"]


@pytest.mark.parametrize("key", [None, b"", b"p_convert", b"p_convert/30", b"p/l-1/2", b"\xff/l-1"])
def test_keys_that_name_no_version_are_refused(key):
    store = store_of(*published(20))
    record = Output(topics.MODEL_SNAPSHOTS.name, key or b"", b"{}", [])
    strange = as_read(signed(record, SECRET.encode()))
    strange.key = key
    take_in(SETTINGS, store, strange)
    assert store.versions(P_CONVERT) == ["logistic-20"]


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b"\xff", b"[" * 1_900, b'{"version": 1e400}'])
@pytest.mark.parametrize("name", ["logistic-30", "serving", "pin", "champion"])
def test_no_value_can_stop_a_store(name, value):
    record = Output(topics.MODEL_SNAPSHOTS.name, f"p_convert/{name}".encode(), value, [])
    store = store_of(*published(20), as_read(signed(record, SECRET.encode())))
    assert store.serving(P_CONVERT) == "logistic-20"
    assert store.scorer(P_CONVERT, "logistic-30") is None


def test_a_signature_is_of_its_topic_and_of_every_byte():
    output = signed(Output("model-snapshots", b"ab", b"c", [("x", b"y")]), b"secret-1")
    ((_, _), (name, signature)) = output.headers
    assert name == SIGNATURE_HEADER
    right = ("model-snapshots", b"ab", b"c", output.headers, b"secret-1")
    assert is_genuine(*right)
    wrong = [
        ("model-checkpoints", b"ab", b"c", output.headers, b"secret-1"),
        ("model-snapshots", b"a", b"bc", output.headers, b"secret-1"),
        ("model-snapshots", b"ab", None, output.headers, b"secret-1"),
        ("model-snapshots", b"ab", b"", output.headers, b"secret-1"),
        ("model-snapshots", b"ab", b"c", output.headers, b"secret-2"),
        ("model-snapshots", b"ab", b"c", [], b"secret-1"),
        ("model-snapshots", b"ab", b"c", [(name, signature[:-1])], b"secret-1"),
    ]
    assert [case for case in wrong if is_genuine(*case)] == []
    deleted = signed(Output("model-snapshots", b"ab", None, []), b"secret-1")
    assert is_genuine("model-snapshots", b"ab", None, deleted.headers, b"secret-1")
    assert not is_genuine("model-snapshots", b"ab", b"", deleted.headers, b"secret-1")


@pytest.mark.parametrize(
    ("reason", "change"),
    [
        ("signature", None),
        ("too_large", lambda body: {**body, "more": "x" * 2_000}),
        ("schema", state(schema=99)),
        ("schema", state(library="river 0.0.1")),
        ("malformed", without("means")),
        ("malformed", lambda body: {"state": body["state"]}),
        ("malformed", lambda body: {**body, "state": 5}),
    ],
)
async def test_a_checkpoint_that_is_refused_is_learned_anew(reason, change, monkeypatch):
    good = taught(20).checkpoint()
    body = orjson.loads(good.value or b"")
    output = Output(good.topic, good.key, orjson.dumps(change(body) if change else body), [])
    records = [as_read(signed(output, SECRET.encode()) if change else output)]

    async def read_all(_settings: Any, topic: str, *_: Any) -> list[Any]:
        return records if topic == topics.MODEL_CHECKPOINTS.name else []

    monkeypatch.setattr(learn, "read_all", read_all)
    worker = learn.LearnWorker(SETTINGS, 0, None, SnapshotStore())  # type: ignore[arg-type]
    before = refused(reason)
    await worker.restore()
    assert worker._next_offset() == 0
    assert refused(reason) == before + 1
    records[:] = [as_read(signed(good, SECRET.encode()))]
    await worker.restore()
    assert worker._next_offset() == 20


def test_a_new_champion_serves_at_once_and_a_pinned_version_before_all():
    def say(store: SnapshotStore, output: Output) -> None:
        take_in(SETTINGS, store, as_read(signed(output, SECRET.encode())))

    store = store_of(*published(20), *published(30))
    one = Learner(P_CONVERT, "bayesian_logistic", build_model)
    for n in range(25):
        one.learn(decoded(orjson.dumps(EXAMPLE | {"x": {"last": "a"}})), n)
    say(store, one.snapshot())
    assert store.serving(P_CONVERT) == "logistic-30"
    say(store, champion_record(P_CONVERT, "bayesian_logistic", "command"))
    assert store.serving(P_CONVERT) == "bayesian_logistic-25"
    say(store, serving_record(P_CONVERT, "pin", "logistic-20"))
    assert store.serving(P_CONVERT) == "logistic-20"
    say(store, Output(topics.MODEL_SNAPSHOTS.name, b"p_convert/pin", None, []))
    say(store, champion_record(P_CONVERT, "ad_predictor", "rule"))
    assert store.serving(P_CONVERT) == "logistic-30", "one that has no version does not serve"
