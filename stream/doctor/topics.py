"""Whether topics are as the contract says."""

from collections.abc import Iterable, Iterator, Mapping

from schemas.topics import DAY_S, TOPICS, Topic
from stream.doctor.facts import TopicFacts
from stream.doctor.findings import Finding, fail, ok, warn

SAFE_REPLICAS = 3


def judge_topics(
    facts: Iterable[TopicFacts],
    partitions: int,
    wanted: Mapping[str, Mapping[str, str]],
    brokers: int,
) -> Iterator[Finding]:
    """Yield what is to be said of each topic: one line, or one for each fault.

    Parameters
    ----------
    partitions
        LEADSTREAM_PARTITIONS.
    wanted
        Topic -> Kafka's configuration of it, as leadstream creates it.
    brokers
        How many the cluster has.
    """
    found = {topic.name: topic for topic in facts}
    if not any(topic.partitions for topic in found.values()):
        value = f"none of the {len(TOPICS)} is there, or this user may see none"
        yield fail("topics", value, "run `leadstream topics` as an operator")
        return
    for topic in TOPICS:
        said = list(_faults(topic, found[topic.name], partitions, wanted[topic.name], brokers))
        if said:
            yield from said
        else:
            yield ok(f"topic {topic.name}", _summary(found[topic.name]))


def _summary(facts: TopicFacts) -> str:
    kept = facts.configuration.get("retention.ms")
    is_compacted = facts.configuration.get("cleanup.policy") == "compact"
    told = "" if kept is None else f", kept {_days(int(kept))}"
    told = ", compacted" if is_compacted else told
    return f"{_many(facts.partitions, 'partition')}, {_many(facts.replicas, 'replica')}{told}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _days(retention_ms: int) -> str:
    if retention_ms < 0:
        return "for ever"
    return f"{retention_ms / (DAY_S * 1000):g} d"


def _faults(
    topic: Topic, facts: TopicFacts, partitions: int, wanted: Mapping[str, str], brokers: int
) -> Iterator[Finding]:
    check = f"topic {topic.name}"
    if not facts.partitions:
        yield fail(
            check, "missing, or hidden from this user", "run `leadstream topics` as an operator"
        )
        return
    expected = topic.partitions or partitions
    if facts.partitions != expected:
        setting = "the contract" if topic.partitions else "LEADSTREAM_PARTITIONS"
        remedy = (
            "create the topic anew"
            if topic.partitions
            else f"set LEADSTREAM_PARTITIONS={facts.partitions}, or `leadstream state repartition`"
        )
        yield fail(
            check, f"{_many(facts.partitions, 'partition')}, {setting} says {expected}", remedy
        )
    if facts.leaderless:
        yield fail(
            check, f"{_many(facts.leaderless, 'partition')} without a leader", "start the brokers"
        )
    elif facts.behind:
        yield warn(
            check,
            f"{_many(facts.behind, 'partition')} with replicas that are not in sync",
            "look which broker is away or slow",
        )
    if facts.replicas < min(SAFE_REPLICAS, brokers):
        yield warn(
            check,
            f"{_many(facts.replicas, 'replica')} on {brokers} brokers",
            f"raise them to {min(SAFE_REPLICAS, brokers)} with kafka-reassign-partitions.sh",
        )
    yield from _configured(topic, facts, wanted)


def _configured(topic: Topic, facts: TopicFacts, wanted: Mapping[str, str]) -> Iterator[Finding]:
    check, there = f"topic {topic.name}", facts.configuration
    if not there:
        yield warn(check, "its configuration is not told", "grant DescribeConfigs on the topic")
        return
    if _policies(there) != _policies(wanted):
        lost = "old states and models go" if topic.cleanup == "compact" else "records stay for ever"
        yield fail(
            check,
            f"cleanup.policy={there['cleanup.policy']}: {lost}",
            f"alter it to {wanted['cleanup.policy']}",
        )
    # What is compacted is kept by key: its retention says nothing.
    kept, should = int(there["retention.ms"]), int(wanted["retention.ms"])
    if "delete" in topic.cleanup and kept != should:
        is_shorter = 0 <= kept < should or should < 0 <= kept
        yield (fail if is_shorter else warn)(
            check,
            f"kept {_days(kept)}, the contract says {_days(should)}",
            f"alter retention.ms to {should}"
            + ("" if is_shorter else ": what people left with you stays longer than promised"),
        )
    if int(there["max.message.bytes"]) < int(wanted["max.message.bytes"]):
        yield fail(
            check,
            f"max.message.bytes={there['max.message.bytes']}",
            f"alter it to {wanted['max.message.bytes']}: large records stop a worker",
        )
    needed = int(there["min.insync.replicas"])
    if needed > facts.replicas:
        yield fail(
            check,
            f"min.insync.replicas={needed}, replicas {facts.replicas}: nothing can be written",
            f"alter it to {max(1, facts.replicas - 1)}",
        )
    elif facts.replicas >= SAFE_REPLICAS and needed < 2:
        yield warn(
            check,
            f"min.insync.replicas={needed}: one broker's loss can take acknowledged records",
            "alter it to 2",
        )


def _policies(configuration: Mapping[str, str]) -> set[str]:
    """Return what Kafka does to old records; it tells them in any order."""
    return set(configuration["cleanup.policy"].replace(" ", "").split(","))
