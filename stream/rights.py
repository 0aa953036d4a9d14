"""The least that each user of a deployment must be allowed in Kafka, as ACLs."""

import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from schemas import topics
from stream.roles import OUTPUTS, ROLES, WIRING
from stream.settings import Settings

Party = Literal[
    "route", "score", "learn", "deliver", "personalizer", "sender", "reader", "operator"
]
PARTIES: tuple[Party, ...] = get_args(Party)

_GROWING = (topics.LEAD_EVENTS, topics.LEAD_STATES)
_REPLAYED_INTO = (topics.LEAD_FORWARDS, topics.DEAD_LETTER_REPLAYS)
"""Where dead letters go again beside the inputs: what ``score`` refused, and the marks."""
_FLAGS = {"topic": "--topic", "group": "--group", "transactional-id": "--transactional-id"}


@dataclass(frozen=True)
class Right:
    """What a user may do with one topic, group or transactional id, or with all of a prefix."""

    user: str
    resource: Literal["topic", "group", "transactional-id"]
    name: str
    pattern: Literal["literal", "prefixed"]
    operations: tuple[str, ...]

    def command(self, bootstrap: str) -> str:
        """Return the call of Kafka's own tool that grants this right."""
        words = ["kafka-acls.sh", "--bootstrap-server", bootstrap]
        words += ["--command-config", "admin.properties", "--add", "--force"]
        words += ["--allow-principal", f"User:{self.user}"]
        for operation in self.operations:
            words += ["--operation", operation]
        words += [_FLAGS[self.resource], self.name]
        if self.pattern == "prefixed":
            words += ["--resource-pattern-type", "prefixed"]
        return shlex.join(words)


def rights(
    settings: Settings, parties: Sequence[Party] = PARTIES, user: str | None = None
) -> list[Right]:
    """Return what these parties need, each as a user of its own unless one is given.

    Parameters
    ----------
    user
        Kafka's name of the user without ``User:``; by default ``{app_id}-{party}``.
    """
    needs = (
        need
        for party in parties
        for need in _needs(settings, party, user or f"{settings.app_id}-{party}")
    )
    return list(_merged(needs))


def _needs(settings: Settings, party: Party, user: str) -> Iterator[Right]:
    def topic(which: topics.Topic, *operations: str) -> Right:
        return Right(user, "topic", settings.topic(which.name), "literal", operations)

    match party:
        case "sender":
            yield from (topic(t, "Write") for t in topics.INPUTS)
        case "reader":
            # Dead letters hold what senders sent: they are the operator's.
            yield from (topic(t, "Read") for t in OUTPUTS if t is not topics.DEAD_LETTERS)
            yield Right(user, "group", user, "prefixed", ("Read",))
        case "deliver":
            kept = (topics.WEBHOOK_DELIVERIES, topics.WEBHOOK_ENDPOINTS)
            read = (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, *kept)
            yield from (topic(t, "Read") for t in read)
            yield from (topic(t, "Write") for t in (*kept, topics.DEAD_LETTERS))
            # One group an endpoint; a prefix takes in those that are still to come.
            prefix = f"{settings.app_id}-webhooks-"
            yield Right(user, "group", prefix, "prefixed", ("Read",))
        case "personalizer":
            yield topic(topics.PERSONALIZER_EVENTS, "Read", "Write")
        case "operator":
            yield from _operator(settings, user)
        case role:
            wiring = WIRING[role]
            yield from (topic(t, "Read") for t in (*wiring.consumes, *wiring.reads))
            yield from (topic(t, "Write") for t in wiring.writes)
            if role == "score" and settings.console:
                yield from _console(settings, user)
            # Any member may have to share out the topics of all roles.
            yield from (topic(t, "Describe") for r in ROLES for t in WIRING[r].consumes)
            yield Right(user, "group", settings.app_id, "literal", ("Read",))
            if settings.delivery == "exactly_once":
                for consumed in wiring.transactional:
                    prefix = f"{settings.app_id}-{settings.topic(consumed.name)}-"
                    yield Right(user, "transactional-id", prefix, "prefixed", ("Write",))


def _console(settings: Settings, user: str) -> Iterator[Right]:
    shown = (topics.LEAD_SCORES, topics.NURTURE_TRIGGERS, topics.DEAD_LETTERS, topics.ERASURES)
    reported = (topics.MODEL_CHECKPOINTS, topics.TRAINING_EXAMPLES, topics.COSTS)
    for which in (*shown, *reported):
        yield Right(user, "topic", settings.topic(which.name), "literal", ("Read",))
    if settings.web_token.get_secret_value():  # nobody promotes without
        name = settings.topic(topics.MODEL_SNAPSHOTS.name)
        yield Right(user, "topic", name, "literal", ("Write",))


def _operator(settings: Settings, user: str) -> Iterator[Right]:
    for which in topics.TOPICS:
        operations = ["Create", "Describe", "DescribeConfigs", "Read"]
        # Events are sent, states repaired, versions pinned, leads spread over more partitions.
        if which in _GROWING:
            operations.append("Alter")
        is_written = which in (*topics.INPUTS, *_GROWING, *_REPLAYED_INTO)
        if is_written or "compact" in which.cleanup:
            operations.append("Write")
        yield Right(user, "topic", settings.topic(which.name), "literal", tuple(operations))
    yield Right(user, "group", settings.app_id, "literal", ("Describe",))
    yield Right(user, "group", f"{settings.app_id}-webhooks-", "prefixed", ("Describe",))
    if settings.delivery == "exactly_once":
        prefix = f"{settings.app_id}-"
        yield Right(user, "transactional-id", prefix, "prefixed", ("Write",))


def _merged(needs: Iterable[Right]) -> Iterator[Right]:
    """Yield one right a resource; Read and Write already allow to describe."""
    operations: dict[Right, set[str]] = {}
    for need in needs:
        resource = Right(need.user, need.resource, need.name, need.pattern, ())
        operations.setdefault(resource, set()).update(need.operations)
    for resource, found in operations.items():
        if found & {"Read", "Write"}:
            found.discard("Describe")
        yield Right(
            resource.user, resource.resource, resource.name, resource.pattern, tuple(sorted(found))
        )
