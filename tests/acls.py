"""Granting and taking away the rights that a deployment needs, through Kafka's admin API."""

from collections.abc import Iterable, Iterator

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from stream.kafka.brokers.jvm import JvmKafka
from stream.rights import Right

_RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}
_OPERATIONS = {
    "Alter": AclOperation.ALTER,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
}
DEADLINE_S = 20.0


def grant(broker: JvmKafka, rights: Iterable[Right]) -> None:
    """Give these rights."""
    admin = broker.admin
    for future in admin.create_acls([b for r in rights for b in _bindings(r)]).values():
        future.result(DEADLINE_S)


def revoke(broker: JvmKafka, right: Right) -> None:
    """Take a right away."""
    admin = broker.admin
    filters = [
        AclBindingFilter(
            b.restype,
            b.name,
            b.resource_pattern_type,
            b.principal,
            b.host,
            b.operation,
            b.permission_type,
        )
        for b in _bindings(right)
    ]
    for future in admin.delete_acls(filters).values():
        assert future.result(DEADLINE_S), f"nothing to take away: {right}"


def _bindings(right: Right) -> Iterator[AclBinding]:
    for operation in right.operations:
        yield AclBinding(
            _RESOURCES[right.resource],
            right.name,
            ResourcePatternType[right.pattern.upper()],
            f"User:{right.user}",
            "*",
            _OPERATIONS[operation],
            AclPermissionType.ALLOW,
        )
