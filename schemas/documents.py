"""The contract as documents: one JSON Schema for each message, one AsyncAPI for the topics.

They are generated from the models and :data:`schemas.topics.TOPICS`, so a reader in any
language works from the same definitions as we do.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from schemas.base import Message
from schemas.events import LeadEvent
from schemas.topics import TOPICS, Topic

CONTRACT_VERSION = "1.0.0"
"""Grows in its second figure: the contract is extended, never changed."""

ASYNCAPI_FILE = "asyncapi.json"

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_KAFKA_BINDING = "0.5.0"
_HEADERS = "cloudevents_headers"
_ACTIONS = {"input": "receive", "output": "send"}

Document = dict[str, Any]


class _WithoutFieldTitles(GenerateJsonSchema):
    """Pydantic's generator, less the titles that only repeat the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def json_schema(model: type[Message], type_name: str) -> Document:
    """Return the JSON Schema 2020-12 document of a message.

    Parameters
    ----------
    model
        The message's model.
    type_name
        The value of its ``type``; readers tell messages apart by it, so it is required
        even where the model fills it in.

    Examples
    --------
    >>> from schemas.web import PageView
    >>> document = json_schema(PageView, "page_view")
    >>> document["$id"], document["required"]
    ('urn:leadstream:schema:page_view', ['event_id', 'occurred_at', 'type', 'url'])
    """
    document = model.model_json_schema(schema_generator=_WithoutFieldTitles)
    document["$schema"] = _DIALECT
    document["$id"] = f"urn:leadstream:schema:{type_name}"
    document["required"] = sorted({*document.get("required", ()), "type"})
    if issubclass(model, LeadEvent):
        # A null names nobody, so to be present is not enough.
        document["anyOf"] = [
            {"required": [name], "properties": {name: {"type": "string"}}}
            for name in ("lead_id", "anonymous_id", "email")
            if name in model.model_fields
        ]
    return document


def asyncapi() -> Document:
    """Return the AsyncAPI 3.0.0 document; its payloads refer to the JSON Schema files."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:leadstream:contract",
        "info": {
            "title": "leadstream",
            "version": CONTRACT_VERSION,
            "description": (
                "Scores sales leads while they act. Values are JSON in UTF-8, one message a "
                "record; unknown top-level fields are ignored. The addresses stand without the "
                "configured prefix. Read the output topics with isolation.level=read_committed, "
                "and keep ce_id to drop repeats."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {
            f"{_ACTIONS[topic.direction]}-{topic.name}": _operation(topic)
            for topic in TOPICS
            if topic.direction in _ACTIONS
        },
        "components": {
            "schemas": {_HEADERS: _cloudevents_headers()},
            "messageBindings": {
                topic.name: {"kafka": {"key": _key(topic), "bindingVersion": _KAFKA_BINDING}}
                for topic in TOPICS
                if topic.messages
            },
        },
    }


def documents() -> dict[str, bytes]:
    """Return every document's content under its file name."""
    schemas = {
        f"{type_name}.json": json_schema(model, type_name)
        for topic in TOPICS
        for model, type_name in _messages(topic)
    }
    return {
        name: _encode(content) for name, content in (schemas | {ASYNCAPI_FILE: asyncapi()}).items()
    }


def write(folder: Path) -> list[Path]:
    """Write every document into a folder and return the paths; other files there stay."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, content in documents().items():
        path = folder / name
        path.write_bytes(content)
        paths.append(path)
    return paths


def stale(folder: Path) -> list[str]:
    """Say which files of a folder are not what :func:`write` would leave there, and why."""
    wanted = documents()
    found = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        if folder.is_dir()
        else {}
    )
    return sorted(
        [f"{name} is missing" for name in wanted.keys() - found.keys()]
        + [f"{name} is of no message" for name in found.keys() - wanted.keys()]
        + [
            f"{name} differs"
            for name in wanted.keys() & found.keys()
            if wanted[name] != found[name]
        ]
    )


def _messages(topic: Topic) -> Iterator[tuple[type[Message], str]]:
    return zip(topic.messages, topic.types(), strict=True)


def _encode(document: Document) -> bytes:
    return f"{json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True)}\n".encode()


def _channel(topic: Topic) -> Document:
    settings: Document = {
        "topic": topic.name,
        "topicConfiguration": {
            "cleanup.policy": topic.cleanup.split(","),
            "retention.ms": -1 if topic.retention_s is None else topic.retention_s * 1000,
        },
        "bindingVersion": _KAFKA_BINDING,
    }
    if topic.partitions is not None:
        settings["partitions"] = topic.partitions
    partitions = "as configured" if topic.partitions is None else str(topic.partitions)
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.description} Key: {topic.key}. Partitions: {partitions}.",
        "tags": [_tag(topic)],
        "messages": {
            type_name: _message(topic, model, type_name) for model, type_name in _messages(topic)
        },
        "bindings": {"kafka": settings},
    }


def _tag(topic: Topic) -> Document:
    description = {
        "input": "Others write it, leadstream reads it.",
        "output": "leadstream writes it, others read it.",
        "internal": "Of leadstream alone: neither write nor rely on it.",
    }[topic.direction]
    return {"name": topic.direction, "description": description}


def _message(topic: Topic, model: type[Message], type_name: str) -> Document:
    message: Document = {
        "name": type_name,
        "title": model.__name__,
        "payload": {"$ref": f"./{type_name}.json"},
        "bindings": {"$ref": f"#/components/messageBindings/{topic.name}"},
    }
    if topic.direction == "output":
        message["headers"] = {"$ref": f"#/components/schemas/{_HEADERS}"}
    return message


def _operation(topic: Topic) -> Document:
    return {
        "action": _ACTIONS[topic.direction],
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "title": f"{_ACTIONS[topic.direction].capitalize()} {topic.name}",
        "summary": topic.description,
        "messages": [
            {"$ref": f"#/channels/{topic.name}/messages/{type_name}"} for type_name in topic.types()
        ],
    }


def _key(topic: Topic) -> Document:
    # An input record may come without a key or with one of any shape.
    schema: Document = {} if topic.direction == "input" else {"type": "string"}
    return schema | {"description": topic.key}


def _cloudevents_headers() -> Document:
    properties: Document = {
        "ce_id": {
            "type": "string",
            "minLength": 1,
            "description": "The same for every delivery of the same output.",
        },
        "ce_source": {
            "type": "string",
            "minLength": 1,
            "format": "uri-reference",
            "description": "Which leadstream sent it.",
        },
        "ce_type": {
            "type": "string",
            "pattern": r"^leadstream\.",
            "description": "The value's type behind the prefix: leadstream.score_changed.",
        },
        "ce_time": {
            "type": "string",
            "format": "date-time",
            "description": "When it happened, by the time of the event that caused it.",
        },
        "ce_specversion": {"type": "string", "const": "1.0"},
        "content-type": {
            "type": "string",
            "pattern": "^application/json",
            "description": "Of the record's value.",
        },
    }
    return {
        "type": "object",
        "title": "CloudEvents 1.0, Kafka binary mode",
        "description": "Record headers, their values in UTF-8.",
        "properties": properties,
        "required": sorted(properties),
    }
