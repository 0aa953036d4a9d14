"""The published documents say what the models do."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.base import Message
from schemas.documents import ASYNCAPI_FILE, documents, stale, write
from schemas.events import LeadEvent
from schemas.topics import TOPICS, Topic

FOLDER = Path(__file__).parents[2] / "schemas" / "json"

MODELS: dict[str, type[Message]] = {
    type_name: model
    for topic in TOPICS
    for model, type_name in zip(topic.messages, topic.types(), strict=True)
}
MESSAGES_IN_TOPICS = [
    pytest.param(topic, type_name, id=f"{topic.name}-{type_name}")
    for topic in TOPICS
    for type_name in topic.types()
]

AT = "2026-03-01T09:30:00Z"
EVENT = {
    "event_id": "9b1c",
    "occurred_at": "2026-03-01T10:30:00.125+01:00",
    "lead_id": "lead-7",
    "context": {"locale": "de-DE", "ip": "203.0.113.9", "campaign": {"source": "google"}},
}
VISIT = {"event_id": "9b1d", "occurred_at": AT, "anonymous_id": "c0ffee"}
RECORD = {"event_id": "9b1e", "occurred_at": AT}
STATE = {"weights": {"a": 0.5}, "seen": [1, None, True], "note": "ü"}
DECIDED = {
    "lead_id": "lead-7",
    "score": 100,
    "tier": "hot",
    "reasons": [{"feature": "views_1d", "contribution": 0.8}, {"feature": "x", "contribution": -1}],
    "cause_event_id": "9b1c",
    "occurred_at": AT,
}
VERSION = {"model": "p_convert", "version": "logistic-12"}

HISTORY = {"purchases": 2, "first_day": 20_400, "last_day": 20_454, "spend_minor": 1_800}
EXAMPLES: dict[str, dict[str, Any]] = {
    "page_view": VISIT | {"url": "https://example.com/pricing", "duration_s": 12},
    "email_open": EVENT | {"campaign_id": "c1", "message_id": "m1"},
    "email_click": EVENT | {"url": "https://example.com/demo"},
    "email_reply": EVENT | {"text": "Yes, please call me 🙂"},
    "email_bounce": EVENT,
    "email_delivered": EVENT,
    "email_unsubscribe": EVENT | {"campaign_id": None},
    "form_fill": VISIT
    | {"form_id": "f1", "form_kind": "demo_request", "email": "a@b.example", "fields": STATE},
    "activity": EVENT | {"name": "webinar_attended", "properties": {"minutes": 42, "tags": ["x"]}},
    "lead_profile": EVENT | {"attributes": {"employees": 50, "industry": "software"}},
    "stage_change": EVENT | {"stage": "qualified"},
    "outcome": EVENT | {"result": "won", "value_minor": 1_200_000, "currency": "EUR"},
    "purchase": EVENT | {"value_minor": 4900, "currency": "USD", "product": "starter"},
    "sales_feedback": EVENT | {"verdict": "rejected", "reason": "no budget"},
    "consent": EVENT | {"purpose": "marketing", "granted": False},
    "erasure": EVENT,
    "lead_merge": EVENT | {"into_lead_id": "lead-8"},
    "satisfaction": EVENT | {"score": 4, "scale_max": 5},
    "cost": RECORD | {"amount_minor": -500, "currency": "EUR", "period": "2026-03"},
    "action_result": EVENT | {"trigger_id": "t1", "status": "delivered"},
    "link": RECORD | {"to_lead_id": "lead-7"},
    "lead_moved": RECORD | {"to_lead_id": "lead-7", "path": ["anon:c0ffee"], "state": STATE},
    "forwarded": {"to_lead_id": "lead-7", "path": [], "event": VISIT},
    "erasures_adopted": {"entries": {"5d41": [1_772_357_400, 1_772_357_399]}},
    "alias_erased": RECORD | {"erased_at_s": 1_772_357_400, "addresses": ["lead-7"]},
    "tick": {"now_s": 1_772_357_400},
    "use_model": VERSION,
    "score_changed": DECIDED
    | {"previous_score": None, "previous_tier": None, "points": 40, "model_weight": 0}
    | {"p_convert": 0.11, "p_low": 0.08, "p_high": 0.15, "model": "m", "model_version": "12"},
    "segment_changed": {"lead_id": "lead-7", "kind": "learned", "cause_event_id": "e1"}
    | {"segment": "s2", "previous_segment": None, "name": "many docs pages"}
    | {"model_version": "latent_classes-12", "occurred_at": AT},
    "nurture_triggered": DECIDED
    | {"trigger_id": "t1", "rule": "tier_rose", "expires_at": AT, "is_holdout": False}
    | {"policy": "rules", "policy_version": "1", "action": "call", "action_probability": 0.9}
    | {"candidates": [{"action": "call", "probability": 0.9}], "uplift": -0.02},
    "training_example": {"model": "p_convert", "p_convert": 0.11}
    | {"x": {"views_1d": 2, "industry": "software"}, "y": True, "weight": 1}
    | {"occurred_at": AT, "labelled_at": AT, "is_treated": False},
    "policy_transition": {"model": "next_action", "rule": "absence", "x": {"score": 0.4}}
    | {"action": "call", "action_probability": 0.9, "reward": -0.01, "is_holdout": False}
    | {"candidates": [{"action": "call", "probability": 0.9}]}
    | {"next": {"x": {}, "candidates": ["call"], "reward": 0.1, "occurred_at": AT}}
    | {"policy": "lin_ucb", "policy_version": "lin_ucb-12", "occurred_at": AT, "rewarded_at": AT},
    "lead_entered": {"source": "paid_search", "occurred_at": AT},
    "stage_left": {"stage": "mql", "next_stage": None, "result": "lost", "stayed_s": 86_400.0}
    | {"occurred_at": AT},
    "journey_ended": {"result": "won", "entered_at": AT, "source": "email", "tier": "hot"}
    | {
        "segment": None,
        "topics": ["t3"],
        "is_holdout": False,
        "value_minor": 250_000,
        "currency": "EUR",
    }
    | {"touches": [{"channel": "email", "campaign": "spring", "occurred_at": AT}]}
    | {"vectors": [{"points": 40.0, "stage": "demo"}], "occurred_at": AT},
    "purchases_changed": {"before": [], "after": HISTORY, "value_minor": 900, "currency": "EUR"}
    | {"occurred_at": AT},
    "customer_active": {"won_at": AT, "month": 3, "source": "email", "occurred_at": AT},
    "lead_answered": {"response_s": 3_600.0, "tier": "warm", "occurred_at": AT},
    "satisfaction_told": {"score": 8.0, "scale_max": 10.0, "occurred_at": AT},
    "segment_seen": {"lead_hash": "5d41402abc4b2a76b9719d911017c592", "occurred_at": AT}
    | {"x": {"count:page_view": 2.3}, "previous_segment": "s1", "segment": "s2"},
    "text_seen": {"lead_hash": "5d41402abc4b2a76b9719d911017c592", "occurred_at": AT}
    | {"words": ["price", "licence"], "topic": "t3"},
    "inflow_counted": {"minute": 29_500_000, "counts": {"page_view": 12}, "occurred_at": AT}
    | {"is_live": True},
    "model_snapshot": VERSION
    | {"snapshot_schema": 1, "library": "river 0.26.1", "state": STATE}
    | {"examples": 100, "positives": 3},
    "serving_version": VERSION,
    "champion": {"model": "p_convert", "kind": "logistic", "decided_by": "rule"},
    "model_checkpoint": {"model": "p_convert", "kind": "logistic", "next_offset": 100}
    | {"version_offset": 98, "weight_sum": 230.5, "examples": 98, "checkpoint_schema": 1}
    | {"library": "river 0.26.1", "state": STATE},
    "dead_letter": {"topic": "page-views", "partition": 0, "offset": 17, "stage": "route"}
    | {"reason": "bad_value", "field": None, "message": "give a number", "received_at": AT}
    | {"sealed": "e30="},
    "lead_left": {},
    "lead_adopted": {"state": STATE},
    "dead_letter_replayed": {"letter_id": "page-views/0/17", "replayed_at": AT, "patched": False},
    "lead_erased": {"erasure_id": "x1", "lead_hash": "5d41", "addresses": 2, "erased_at": AT}
    | {"remains": [{"topic": "page-views", "what": "events", "until": None}], "occurred_at": AT},
    "webhook_delivery": {"endpoint": "crm", "webhook_id": "6f0c", "lead_id": "lead-1"}
    | {"topic": "nurture-triggers", "partition": 3, "offset": 17, "attempts": 2, "received_at": AT}
    | {"next_attempt_at": AT, "failure": None, "headers": {"ce-id": "6f0c"}, "event": {}},
    "webhook_disabled": {"endpoint": "crm", "disabled_at": AT},
    "actions_ranked": {"event_id": "e-1", "occurred_at": AT, "context": [{"device": "phone"}]}
    | {"actions": [{"id": "a", "features": [{"topic": "price"}], "probability": 1.0}]}
    | {"reward_action_id": "a", "deferred": False, "learned": 3},
    "rank_activated": {"event_id": "e-1", "occurred_at": AT},
    "rank_rewarded": {"event_id": "e-1", "occurred_at": AT, "value": 1.0},
}
EXAMPLES = {name: {"type": name} | example for name, example in EXAMPLES.items()}


def load(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / name).read_bytes())
    return content


def validator(type_name: str) -> Draft202012Validator:
    return Draft202012Validator(load(f"{type_name}.json"))


def accepts(topic: Topic, value: dict[str, Any]) -> bool:
    try:
        topic.adapter().validate_json(json.dumps(value))
    except ValidationError:
        return False
    return True


def test_the_committed_documents_are_current() -> None:
    assert stale(FOLDER) == [], "run `leadstream schemas` and commit what it writes"


def test_stale_names_missing_different_and_surplus_files(tmp_path: Path) -> None:
    assert len(stale(tmp_path / "absent")) == len(documents())
    assert sorted(path.name for path in write(tmp_path)) == sorted(documents())
    assert stale(tmp_path) == []

    (tmp_path / "cost.json").unlink()
    (tmp_path / "page_view.json").write_bytes(documents()["page_view.json"] + b" ")
    (tmp_path / "former.json").write_bytes(b"{}")

    assert stale(tmp_path) == [
        "cost.json is missing",
        "former.json is of no message",
        "page_view.json differs",
    ]


def test_documents_are_the_same_every_time_and_end_in_a_newline() -> None:
    assert documents() == documents()
    assert all(content.endswith(b"}\n") for content in documents().values())


def test_every_message_has_a_document_and_an_example() -> None:
    assert set(documents()) == {f"{name}.json" for name in MODELS} | {ASYNCAPI_FILE}
    assert set(EXAMPLES) == set(MODELS)
    assert len(set(MODELS.values())) == len({model for topic in TOPICS for model in topic.messages})


@pytest.mark.parametrize("type_name", MODELS)
def test_a_schema_is_valid_2020_12_and_says_what_it_is(type_name: str) -> None:
    schema = load(f"{type_name}.json")

    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:leadstream:schema:{type_name}"
    assert schema["title"]
    assert schema["description"]
    assert schema["properties"]["type"]["const"] == type_name
    assert "additionalProperties" not in schema


@pytest.mark.parametrize(("topic", "type_name"), MESSAGES_IN_TOPICS)
def test_model_and_schema_accept_the_example(topic: Topic, type_name: str) -> None:
    example = EXAMPLES[type_name] | {"sent_by": {"tracker": "3.2"}}

    assert accepts(topic, example)
    validator(type_name).validate(example)


@pytest.mark.parametrize("type_name", MODELS)
def test_what_the_model_writes_conforms_to_the_schema(type_name: str) -> None:
    message = MODELS[type_name].model_validate_json(json.dumps(EXAMPLES[type_name]))
    written = json.loads(message.model_dump_json())

    validator(type_name).validate(written)
    assert MODELS[type_name].model_validate_json(json.dumps(written)) == message


@pytest.mark.parametrize("type_name", MODELS)
def test_model_and_schema_refuse_the_same(type_name: str) -> None:
    """Each field in turn is left out, or of a wrong JSON type."""
    topic = next(topic for topic in TOPICS if type_name in topic.types())
    example, schema = EXAMPLES[type_name], validator(type_name)
    identifiers = {"lead_id", "anonymous_id"} if issubclass(MODELS[type_name], LeadEvent) else set()

    for field in MODELS[type_name].model_fields.keys() - identifiers:
        without = {name: value for name, value in example.items() if name != field}
        # Our own code need not name the type that its models fill in; readers can rely on it.
        assert schema.is_valid(without) == (field != "type" and accepts(topic, without)), field
        for wrong in (None, True, 1, 1.5, "", "x", [], [1], {"a": 1}):
            changed = example | {field: wrong}
            assert accepts(topic, changed) == schema.is_valid(changed), f"{field} = {wrong!r}"


@pytest.mark.parametrize(
    "type_name", [name for name, model in MODELS.items() if issubclass(model, LeadEvent)]
)
def test_the_schema_of_a_lead_event_wants_an_identifier(type_name: str) -> None:
    nobody = {
        name: value
        for name, value in EXAMPLES[type_name].items()
        if name not in {"lead_id", "anonymous_id", "email"}
    }
    schema = validator(type_name)

    assert not schema.is_valid(nobody)
    assert not schema.is_valid(nobody | {"lead_id": None})
    assert not schema.is_valid(nobody | {"lead_id": None, "anonymous_id": ""})
    assert schema.is_valid(nobody | {"lead_id": "l"})
    assert schema.is_valid(nobody | {"lead_id": None, "anonymous_id": "a"})
    assert schema.is_valid(nobody | {"lead_id": "l", "anonymous_id": "a"})


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in references(value)]
    if isinstance(node, list):
        return [ref for value in node for ref in references(value)]
    return []


def resolve(document: dict[str, Any], reference: str) -> Any:
    if reference.startswith("./"):
        return load(reference.removeprefix("./"))
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


@pytest.mark.parametrize("name", sorted(documents()))
def test_every_reference_resolves(name: str) -> None:
    document = load(name)

    for reference in references(document):
        assert resolve(document, reference), reference


def test_every_topic_is_a_channel_with_its_messages_and_kafka_settings() -> None:
    document = load(ASYNCAPI_FILE)

    assert document["asyncapi"] == "3.0.0"
    assert set(document["channels"]) == {topic.name for topic in TOPICS}
    for topic in TOPICS:
        channel = document["channels"][topic.name]
        kafka = channel["bindings"]["kafka"]
        assert channel["address"] == kafka["topic"] == topic.name
        assert topic.description in channel["description"]
        assert topic.key in channel["description"]
        assert [tag["name"] for tag in channel["tags"]] == [topic.direction]
        assert kafka.get("partitions") == topic.partitions
        assert kafka["topicConfiguration"] == {
            "cleanup.policy": topic.cleanup.split(","),
            "retention.ms": -1 if topic.retention_s is None else topic.retention_s * 1000,
        }
        assert set(channel["messages"]) == set(topic.types())
        for type_name, message in channel["messages"].items():
            payload = resolve(document, message["payload"]["$ref"])
            assert payload["$id"] == f"urn:leadstream:schema:{type_name}"
            key = resolve(document, message["bindings"]["$ref"])["kafka"]["key"]
            assert key["description"] == topic.key
            assert ("headers" in message) == (topic.direction == "output")


def test_the_application_receives_its_inputs_and_sends_its_outputs() -> None:
    document = load(ASYNCAPI_FILE)
    actions = {"input": "receive", "output": "send"}
    found = set()

    for operation in document["operations"].values():
        name = operation["channel"]["$ref"].removeprefix("#/channels/")
        found.add((operation["action"], name))
        assert {message["$ref"] for message in operation["messages"]} == {
            f"#/channels/{name}/messages/{type_name}"
            for type_name in document["channels"][name]["messages"]
        }

    assert found == {
        (actions[topic.direction], topic.name) for topic in TOPICS if topic.direction in actions
    }


def test_outputs_carry_cloudevents_headers_of_binary_mode() -> None:
    headers = load(ASYNCAPI_FILE)["components"]["schemas"]["cloudevents_headers"]
    example = {
        "ce_id": "5d41",
        "ce_source": "/leadstream",
        "ce_type": "leadstream.score_changed",
        "ce_time": AT,
        "ce_specversion": "1.0",
        "content-type": "application/json",
    }
    schema = Draft202012Validator(headers)

    Draft202012Validator.check_schema(headers)
    schema.validate(example)
    for name in example:
        assert not schema.is_valid({key: value for key, value in example.items() if key != name})
    assert not schema.is_valid(example | {"ce_specversion": "0.3"})
