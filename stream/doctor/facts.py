"""What Kafka told of itself, before it is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TopicFacts:
    """A topic of the contract as it is.

    Parameters
    ----------
    name
        Without the configured prefix.
    partitions
        How many there are; 0 where the topic is missing, or hidden from this user.
    replicas
        Of the partition that has fewest.
    leaderless
        Partitions without a leader: nobody can read or write them.
    behind
        Partitions of which a replica is not in sync.
    configuration
        Kafka's names and values; empty where this user may not ask.
    newest_s
        Timestamp of the newest record, epoch seconds; None where there is none.
    """

    name: str
    partitions: int
    replicas: int = 0
    leaderless: int = 0
    behind: int = 0
    configuration: Mapping[str, str] = field(default_factory=dict)
    newest_s: float | None = None


@dataclass(frozen=True)
class ClusterFacts:
    """A Kafka as it is.

    Parameters
    ----------
    brokers
        Their addresses.
    answered_ms
        How long the answer took.
    apis
        Number of each request of Kafka's protocol that it knows -> highest version.
    configuration
        Of one broker; empty where this user may not ask.
    members
        Processes in the workers' consumer group; None where it is not told.
    now_s
        This machine's clock when the records' timestamps were asked for, epoch seconds.
    """

    brokers: tuple[str, ...]
    answered_ms: float
    apis: Mapping[int, int]
    configuration: Mapping[str, str]
    topics: tuple[TopicFacts, ...]
    members: int | None
    now_s: float
