"""Whether a Kafka can carry what the settings ask of it, and whether its clocks agree."""

from collections.abc import Iterator, Mapping

from stream.doctor.facts import ClusterFacts
from stream.doctor.findings import Finding, fail, ok, warn
from stream.settings import Settings

_PRODUCE, _INIT_PRODUCER_ID, _TXN_OFFSET_COMMIT = 0, 22, 28
_RELEASES = {13: "4.1", 12: "4.0", 11: "3.8", 10: "3.7", 9: "2.8", 8: "2.4"}
"""Highest version of Kafka's Produce request -> the first release that has it."""
_TESTED_PRODUCE = 12
SKEW_S = 1.0
"""Clocks that NTP keeps are closer than this."""
IDLE_S = 60.0
SLOW_MS = 1_000.0


def judge_cluster(settings: Settings, facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what is to be said of reach, version, transactions, limits and clocks."""
    yield _reach(settings, facts)
    yield _release(facts)
    if settings.delivery == "exactly_once":
        yield _transactions(facts)
    yield from _limits(settings, facts.configuration)
    yield _clock(settings, facts)


def _reach(settings: Settings, facts: ClusterFacts) -> Finding:
    many = f"{len(facts.brokers)} brokers" if len(facts.brokers) > 1 else "1 broker"
    value = f"{many} at {', '.join(facts.brokers)}, {facts.answered_ms:.0f} ms"
    if facts.answered_ms > SLOW_MS:
        return warn("kafka", value, "look at the network, or at the brokers' load")
    if len(facts.brokers) < settings.replication:
        remedy = f"start more, or set LEADSTREAM_REPLICATION={len(facts.brokers)}"
        return fail("kafka", f"{value}; LEADSTREAM_REPLICATION={settings.replication}", remedy)
    if len(facts.brokers) < 3:
        return warn("kafka", value, "fewer than three brokers survive no loss; for trials only")
    return ok("kafka", value)


def _release(facts: ClusterFacts) -> Finding:
    highest = facts.apis.get(_PRODUCE, 0)
    first = next((name for version, name in _RELEASES.items() if highest >= version), None)
    value = f"speaks as Kafka {first} and later" if first else "speaks as Kafka before 2.4"
    if highest < _TESTED_PRODUCE:
        return warn(
            "kafka version", value, "leadstream is tested with Kafka 4: upgrade the brokers"
        )
    return ok("kafka version", value)


def _transactions(facts: ClusterFacts) -> Finding:
    if _INIT_PRODUCER_ID in facts.apis and _TXN_OFFSET_COMMIT in facts.apis:
        return ok("transactions", "known to the brokers")
    return fail(
        "transactions",
        "not known to the brokers",
        "set LEADSTREAM_DELIVERY=at_least_once, or use a Kafka that has them",
    )


def _limits(settings: Settings, configuration: Mapping[str, str]) -> Iterator[Finding]:
    """Compare what a worker asks for with what the brokers allow."""
    if not configuration:
        remedy = "grant DescribeConfigs on the cluster to have limits compared"
        yield warn("kafka limits", "the brokers' configuration is not told", remedy)
        return
    told = []
    for name, setting, asked_s in (
        ("transaction.max.timeout.ms", "transaction_timeout_s", settings.transaction_timeout_s),
        ("group.max.session.timeout.ms", "session_timeout_s", settings.session_timeout_s),
    ):
        most_s = int(configuration.get(name, 2**31)) / 1000
        told.append(asked_s <= most_s)
        if asked_s > most_s:
            yield fail("kafka limits", f"{name}={most_s * 1000:.0f}", _lower(setting, most_s))
    least_s = int(configuration.get("group.min.session.timeout.ms", 0)) / 1000
    if settings.session_timeout_s < least_s:
        yield fail(
            "kafka limits",
            f"group.min.session.timeout.ms={least_s * 1000:.0f}",
            f"raise LEADSTREAM_SESSION_TIMEOUT_S to {least_s:g}, or lower the brokers' limit",
        )
    elif all(told):
        yield ok("kafka limits", "sessions and transactions fit")
    if configuration.get("auto.create.topics.enable") == "true":
        yield warn(
            "kafka limits",
            "auto.create.topics.enable=true",
            "set it to false: a misspelt topic is made, with partitions that fit nothing",
        )


def _lower(setting: str, most_s: float) -> str:
    return f"lower LEADSTREAM_{setting.upper()} to {most_s:g}, or raise the brokers' limit"


def _clock(settings: Settings, facts: ClusterFacts) -> Finding:
    """Compare this machine's clock with those that wrote the newest records.

    Kafka tells its own clock to nobody; what others have just written is as new as theirs.
    """
    newest_s = max((t.newest_s for t in facts.topics if t.newest_s is not None), default=None)
    if newest_s is None:
        return ok("clock", "no records yet to compare with")
    ahead_s = newest_s - facts.now_s
    if ahead_s > SKEW_S:
        value = f"the newest record is {ahead_s:.1f} s in this machine's future"
        remedy = "keep the clocks of all machines by NTP"
        is_refused = ahead_s > settings.future_tolerance_s
        return (fail if is_refused else warn)("clock", value, remedy)
    value = f"the newest record is {-ahead_s:.1f} s old"
    log = next((t for t in facts.topics if t.name == "lead-events"), None)
    is_marked = log is not None and log.newest_s is not None
    if facts.members and is_marked and -ahead_s > IDLE_S + settings.tick_interval_s:
        remedy = "workers write time marks: they stand still, or this machine's clock is ahead"
        return warn("clock", f"{value}, with {facts.members} workers in the group", remedy)
    return ok("clock", value)
