"""A Kafka that asks who is there: its users, and granting and taking away their rights."""

from collections.abc import Iterable, Iterator

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)
from worker_process import own_settings, same_but

from stream.kafka.brokers.broker import Broker, BrokerError
from stream.kafka.brokers.jvm import JvmKafka
from stream.rights import Right
from stream.settings import Settings

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


def started(kafka: Broker, broker: JvmKafka) -> JvmKafka:
    """Return a broker that is started, or skip where this machine cannot."""
    try:
        broker.start()
    except BrokerError as error:
        if kafka.kind == "jvm":
            raise
        pytest.skip(f"no Kafka of our own can be secured here: {error}")
    return broker


def scram_settings(broker: JvmKafka) -> Settings:
    """Return settings for a broker with SCRAM, of a deployment of its own."""
    return own_settings(
        broker,
        clock="wall",
        partitions=1,
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_mechanism="SCRAM-SHA-512",
        kafka_ssl_ca_file=broker.ca_file,
    )


def login(broker: JvmKafka, settings: Settings, party: str) -> Settings:
    """Return the settings of a user of this deployment that may do nothing yet."""
    name = f"{settings.app_id}-{party}"
    return same_but(settings, kafka_sasl_username=name, kafka_sasl_password=broker.add_user(name))


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
