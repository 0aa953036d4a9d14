"""What readers of the output topics may rely on, held over a simulation."""

import re
from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest
from lead_stream import HOUSE, RULES

from schemas import topics
from stream.lead.house import House
from stream.lead.labels import tasks_of
from stream.lead.outputs import Output
from stream.offline import OfflineStream
from stream.simulator import Simulation

START = datetime(2026, 1, 5, tzinfo=UTC)
WHERE_ASKED_FOR = {"groups", "is_treated", "endpoint"}
"""Fields that are there only where the house asks for them, or of webhooks."""
CLOUD_EVENTS = {"ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"}


class Recording(OfflineStream):
    """An offline stream that keeps what it sends."""

    def __init__(self) -> None:
        # A short horizon, so that silence too is taught within the simulation.
        house = House(points=RULES, horizon_s=10 * 86_400.0)
        super().__init__(house, b"a key for tests", START.timestamp() + 400 * 86_400.0)
        self.sent: list[Output] = []

    def _settle(self, output, waiting, scored):
        self.sent.append(output)
        super()._settle(output, waiting, scored)


@pytest.fixture(scope="module")
def sent() -> list[Output]:
    stream = Recording()
    for event in Simulation(events=3_000, seed=5, start=START):
        stream.feed(event.topic, event.value, event.key)
    return stream.sent


def of(sent: list[Output], topic: topics.Topic) -> list[Output]:
    found = [o for o in sent if o.topic == topic.name]
    assert found, f"the simulation led to nothing in {topic.name}"
    return found


OUTPUTS = [topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, topics.DEAD_LETTERS]


@pytest.mark.parametrize("topic", [*OUTPUTS, topics.TRAINING_EXAMPLES], ids=lambda t: t.name)
def test_every_value_is_of_its_schema_and_has_no_field_beside(sent, topic):
    adapter = topic.adapter()
    for output in of(sent, topic):
        message = adapter.validate_json(output.value or b"", strict=True)
        said = set(orjson.loads(output.value or b""))
        assert said | WHERE_ASKED_FOR == set(type(message).model_fields) | WHERE_ASKED_FOR


@pytest.mark.parametrize("topic", OUTPUTS, ids=lambda t: t.name)
def test_outputs_are_cloud_events_with_ids_of_their_own(sent, topic):
    outputs = of(sent, topic)
    for output in outputs:
        headers = dict(output.headers)
        assert set(headers) >= CLOUD_EVENTS
        assert len(output.headers) == len(headers)
        assert headers["ce_specversion"] == b"1.0"
        assert headers["content-type"] == b"application/json"
        kind = orjson.loads(output.value or b"")["type"]
        assert headers["ce_type"] == f"leadstream.{kind}".encode()
        assert datetime.fromisoformat(headers["ce_time"].decode()).tzinfo is not None
    ids = Counter(dict(o.headers)["ce_id"] for o in outputs)
    assert max(ids.values()) == 1


@pytest.mark.parametrize("topic", OUTPUTS[:2], ids=lambda t: t.name)
def test_scores_and_triggers_are_keyed_by_their_lead(sent, topic):
    for output in of(sent, topic):
        assert output.key.decode() == orjson.loads(output.value or b"")["lead_id"]


def test_triggers_name_leads_that_can_be_acted_upon(sent):
    for output in of(sent, topics.NURTURE_TRIGGERS):
        body = orjson.loads(output.value or b"")
        assert not body["lead_id"].startswith("anon:")
        assert body["trigger_id"].encode() == dict(output.headers)["ce_id"]
        assert sum(c["probability"] for c in body["candidates"]) == pytest.approx(1.0)
        assert body["action"] in HOUSE.catalogue.by_name


def test_examples_are_keyed_by_their_model_and_both_labels_are_taught(sent):
    bodies = [orjson.loads(o.value or b"") for o in of(sent, topics.TRAINING_EXAMPLES)]
    keys = [o.key.decode() for o in of(sent, topics.TRAINING_EXAMPLES)]
    assert keys == [body["model"] for body in bodies]
    assert set(keys) == set(tasks_of(HOUSE))
    assert {b["y"] for b in bodies} == {True, False}
    # But for the few leads whose senders' clocks were ahead, a label is younger than its vector.
    ahead = [b["p_convert"] for b in bodies if b["labelled_at"] < b["occurred_at"]]
    assert len(set(ahead)) <= 4


def test_scores_follow_each_other(sent):
    last: dict[str, tuple[float, str]] = {}
    for output in of(sent, topics.LEAD_SCORES):
        body = orjson.loads(output.value or b"")
        former = last.get(body["lead_id"], (None, None))
        assert (body["previous_score"], body["previous_tier"]) == former
        last[body["lead_id"]] = body["score"], body["tier"]


def test_few_proper_events_are_refused(sent):
    reasons = Counter(orjson.loads(o.value or b"")["reason"] for o in of(sent, topics.DEAD_LETTERS))
    assert reasons["too_late"] <= 10
    assert reasons["forward_chain"] == 0
    assert sum(reasons.values()) < 60


def test_addresses_of_people_are_in_no_output(sent):
    address = re.compile(rb"p\d+@company-\d+")
    assert not {o.topic for o in sent if address.search(o.key + (o.value or b""))}
