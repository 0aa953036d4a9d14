"""What doctor says of topics."""

from dataclasses import replace
from typing import Any

import pytest

from schemas import topics
from stream.doctor.facts import TopicFacts
from stream.doctor.findings import Finding
from stream.doctor.topics import judge_topics
from stream.kafka.administration import configuration_of

WANTED = {topic.name: configuration_of(topic) for topic in topics.TOPICS}


def _sound(topic: topics.Topic) -> TopicFacts:
    configuration = {**WANTED[topic.name], "min.insync.replicas": "2"}
    return TopicFacts(
        topic.name, topic.partitions or 8, replicas=3, configuration=configuration, newest_s=1.0
    )


def _said(name: str, **changed: Any) -> list[Finding]:
    """Return what is said where one topic is different; all others are as they should be."""
    configured = changed.pop("configured", {})
    facts = {topic.name: _sound(topic) for topic in topics.TOPICS}
    one = replace(facts[name], **changed)
    facts[name] = replace(one, configuration={**one.configuration, **configured})
    found = list(judge_topics(facts.values(), 8, WANTED, brokers=3))
    assert {f.check for f in found} == {f"topic {topic.name}" for topic in topics.TOPICS}
    assert all(f.level == "ok" for f in found if f.check != f"topic {name}")
    return [f for f in found if f.check == f"topic {name}"]


def test_topics_as_the_contract_says_are_one_line_each() -> None:
    (found,) = _said("lead-states")
    assert (found.level, found.value) == ("ok", "8 partitions, 3 replicas, compacted")
    assert [f.value for f in _said("costs")] == ["8 partitions, 3 replicas, kept 400 d"]
    assert [f.value for f in _said("training-examples")] == ["1 partition, 3 replicas, kept 400 d"]


@pytest.mark.parametrize(
    ("name", "changed", "level", "value", "remedy"),
    [
        ("costs", {"partitions": 0}, "fail", "missing", "leadstream topics"),
        ("costs", {"partitions": 6}, "fail", "6 partitions, LEADSTREAM_PARTITIONS says 8", "=6"),
        ("model-snapshots", {"partitions": 8}, "fail", "the contract says 1", "anew"),
        ("lead-events", {"leaderless": 2}, "fail", "2 partitions without a leader", "brokers"),
        ("lead-events", {"behind": 1}, "warn", "1 partition with replicas that are not", "broker"),
        ("lead-events", {"replicas": 2}, "warn", "2 replicas on 3 brokers", "raise them to 3"),
        ("lead-states", {"configured": {"cleanup.policy": "delete"}}, "fail", "models", "compact"),
        ("lead-events", {"configured": {"cleanup.policy": "compact"}}, "fail", "ever", "delete"),
        ("costs", {"configured": {"retention.ms": "86400000"}}, "fail", "kept 1 d", "34560000000"),
        ("costs", {"configured": {"retention.ms": "-1"}}, "warn", "kept for ever", "promised"),
        ("costs", {"configured": {"max.message.bytes": "9"}}, "fail", "=9", "large records"),
        ("costs", {"configured": {"min.insync.replicas": "4"}}, "fail", "nothing can", "to 2"),
        ("costs", {"configured": {"min.insync.replicas": "1"}}, "warn", "one broker", "to 2"),
    ],
)
def test_each_fault_is_told_with_its_remedy(
    name: str, changed: dict[str, Any], level: str, value: str, remedy: str
) -> None:
    (found,) = _said(name, **changed)
    assert found.level == level
    assert value in found.value
    assert remedy in found.remedy


def test_a_compacted_topics_retention_says_nothing() -> None:
    assert [f.level for f in _said("lead-states", configured={"retention.ms": "1"})] == ["ok"]


def test_a_configuration_that_may_not_be_asked_is_a_warning() -> None:
    facts = [replace(_sound(topic), configuration={}) for topic in topics.TOPICS]
    found = list(judge_topics(facts, 8, WANTED, brokers=3))
    assert {f.level for f in found} == {"warn"}
    assert "DescribeConfigs" in found[0].remedy


def test_where_no_topic_is_there_one_line_says_so() -> None:
    facts = [TopicFacts(topic.name, partitions=0) for topic in topics.TOPICS]
    (found,) = judge_topics(facts, 8, WANTED, brokers=3)
    assert (found.level, found.check) == ("fail", "topics")


def test_one_broker_is_asked_for_no_more_replicas_than_it_can_have() -> None:
    facts = [
        replace(_sound(t), replicas=1, configuration=WANTED[t.name] | {"min.insync.replicas": "1"})
        for t in topics.TOPICS
    ]
    assert {f.level for f in judge_topics(facts, 8, WANTED, brokers=1)} == {"ok"}
