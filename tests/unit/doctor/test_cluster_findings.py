"""What doctor says of a cluster and of clocks."""

from dataclasses import replace
from typing import Any

import pytest

from stream.doctor.cluster import judge_cluster
from stream.doctor.facts import ClusterFacts, TopicFacts
from stream.doctor.findings import Finding
from stream.settings import Settings

NOW_S = 1_000_000.0
SOUND = ClusterFacts(
    brokers=("a:9092", "b:9092", "c:9092"),
    answered_ms=12.0,
    apis={0: 13, 22: 5, 28: 5},
    configuration={
        "transaction.max.timeout.ms": "900000",
        "group.min.session.timeout.ms": "6000",
        "group.max.session.timeout.ms": "1800000",
        "auto.create.topics.enable": "false",
    },
    topics=(TopicFacts("lead-events", 8, newest_s=NOW_S - 2),),
    members=2,
    now_s=NOW_S,
)


def _said(check: str, facts: ClusterFacts, **settings: Any) -> Finding:
    found = [f for f in judge_cluster(Settings(**settings), facts) if f.check == check]
    assert len(found) == 1, found
    return found[0]


def test_a_sound_cluster_is_told_in_five_lines_that_are_well() -> None:
    found = list(judge_cluster(Settings(), SOUND))
    assert [f.level for f in found] == ["ok"] * 5
    assert found[0].value == "3 brokers at a:9092, b:9092, c:9092, 12 ms"
    assert found[1].value == "speaks as Kafka 4.1 and later"
    assert found[-1].value == "the newest record is 2.0 s old"


@pytest.mark.parametrize(
    ("check", "changed", "settings", "level", "value"),
    [
        ("kafka", {"answered_ms": 2_000.0}, {}, "warn", "2000 ms"),
        ("kafka", {"brokers": ("a:1",)}, {}, "warn", "1 broker at a:1"),
        ("kafka", {"brokers": ("a:1", "b:1")}, {"replication": 3}, "fail", "REPLICATION=3"),
        ("kafka version", {"apis": {0: 10}}, {}, "warn", "3.7"),
        ("kafka version", {"apis": {0: 3}}, {}, "warn", "before 2.4"),
        ("transactions", {"apis": {0: 13}}, {}, "fail", "not known"),
        ("kafka limits", {"configuration": {}}, {}, "warn", "not told"),
        ("clock", {"topics": ()}, {}, "ok", "no records yet"),
        ("clock", {"now_s": NOW_S - 10}, {}, "warn", "8.0 s in this machine's future"),
        ("clock", {"now_s": NOW_S - 10}, {"future_tolerance_s": 5}, "fail", "future"),
        ("clock", {"now_s": NOW_S + 900}, {}, "warn", "902.0 s old, with 2 workers"),
        ("clock", {"now_s": NOW_S + 900, "members": 0}, {}, "ok", "902.0 s old"),
    ],
)
def test_what_is_not_well_is_told(
    check: str, changed: dict[str, Any], settings: dict[str, Any], level: str, value: str
) -> None:
    found = _said(check, replace(SOUND, **changed), **settings)
    assert found.level == level
    assert value in found.value
    assert bool(found.remedy) == (level != "ok")


@pytest.mark.parametrize(
    ("limit", "value", "settings", "remedy"),
    [
        ("transaction.max.timeout.ms", "5000", {}, "LEADSTREAM_TRANSACTION_TIMEOUT_S to 5"),
        ("group.max.session.timeout.ms", "7000", {}, "lower LEADSTREAM_SESSION_TIMEOUT_S to 7"),
        ("group.min.session.timeout.ms", "9000", {}, "raise LEADSTREAM_SESSION_TIMEOUT_S to 9"),
    ],
)
def test_a_limit_of_the_brokers_that_a_worker_breaks_is_a_failure(
    limit: str, value: str, settings: dict[str, Any], remedy: str
) -> None:
    facts = replace(SOUND, configuration={**SOUND.configuration, limit: value})
    found = _said("kafka limits", facts, **settings)
    assert found.level == "fail"
    assert found.value == f"{limit}={value}"
    assert remedy in found.remedy


def test_brokers_that_make_topics_by_themselves_are_warned_of() -> None:
    configuration = {**SOUND.configuration, "auto.create.topics.enable": "true"}
    found = list(judge_cluster(Settings(), replace(SOUND, configuration=configuration)))
    assert [f.value for f in found if f.level == "warn"] == ["auto.create.topics.enable=true"]


def test_delivered_at_least_once_transactions_are_not_asked_for() -> None:
    facts = replace(SOUND, apis={0: 13})
    found = judge_cluster(Settings(delivery="at_least_once"), facts)
    assert {f.level for f in found} == {"ok"}
