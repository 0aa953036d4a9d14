"""Asks Kafka whether a worker may do all that it has to, before and while it works.

Kafka itself says little: to a consumer, a topic that it may not read is simply not there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
from aiokafka.errors import KafkaError as KafkaClientError
from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from stream.expected import ExpectedError
from stream.kafka.clients import security
from stream.rights import Right
from stream.settings import Settings

DENIED = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)
"""What clients raise when Kafka does not allow something."""
CHECK_INTERVAL_S = 30.0
_TIMEOUT_S = 15.0
_COORDINATOR_S = 10.0
_EARLY = frozenset(
    {
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    }
)


class RightsError(ExpectedError, RuntimeError):
    """A right is missing in Kafka; the message names user, operation, topic and remedy."""


async def check_rights(settings: Settings, needed: Iterable[Right]) -> None:
    """Compare what the user may do with what it needs; where Kafka asks nobody, do nothing.

    Raises
    ------
    RightsError
        If something is missing.
    """
    if settings.kafka_security_protocol == "PLAINTEXT":
        return
    rights = list(needed)
    # First, since a Kafka that does not answer ends it here at once.
    faults = [fault async for fault in _transactional_faults(settings, rights)]
    faults += await asyncio.to_thread(lambda: list(_faults(settings, rights)))
    if faults:
        raise RightsError(
            f"Kafka denies this user ({_user(settings)}) what is needed here: {'; '.join(faults)}. "
            "`leadstream topics --acls` prints all that is needed"
        )


async def watch_rights(settings: Settings, needed: Iterable[Right]) -> None:
    """Check again and again; what is taken away from a running worker must not go unnoticed.

    Raises
    ------
    RightsError
        If something is missing.
    """
    rights = list(needed)
    while True:
        await asyncio.sleep(CHECK_INTERVAL_S)
        try:
            await check_rights(settings, rights)
        except KafkaClientError:
            continue  # brokers that do not answer are the clients' to report


def denial(error: Exception) -> str:
    """Return what an operator should read when Kafka has denied something."""
    if isinstance(error, RightsError):
        return str(error)
    return (
        f"Kafka denies this user what it needs: {type(error).__name__} {error.args}; "
        "`leadstream topics --acls` prints all that is needed"
    )


def _user(settings: Settings) -> str:
    if settings.kafka_security_protocol.startswith("SASL"):
        return settings.kafka_sasl_username
    return f"of certificate {settings.kafka_ssl_cert_file}"


def _faults(settings: Settings, needed: list[Right]) -> Iterator[str]:
    admin = AdminClient(client_configuration(settings))
    operations = {right.name: right.operations for right in needed if right.resource == "topic"}
    described: dict[str, Any] = admin.describe_topics(
        TopicCollection(list(operations)),
        include_authorized_operations=True,
        request_timeout=_TIMEOUT_S,
    )
    for name, future in described.items():
        yield from _missing("topic", name, operations[name], future)
    groups = {right.name: right.operations for right in needed if right.resource == "group"}
    for name, wanted in groups.items():
        yield from _missing("group", name, wanted, _described_group(admin, name))


def _described_group(admin: AdminClient, name: str) -> Any:
    """Ask for a group, again while its coordinator is not up (on a new Kafka, say)."""
    until_s = time.monotonic() + _COORDINATOR_S
    while True:
        described: dict[str, Any] = admin.describe_consumer_groups(
            [name], include_authorized_operations=True, request_timeout=_TIMEOUT_S
        )
        error = described[name].exception()
        is_early = error is not None and error.args[0].code() in _EARLY
        if not is_early or time.monotonic() > until_s:
            return described[name]
        time.sleep(0.2)


async def _transactional_faults(settings: Settings, needed: list[Right]) -> AsyncIterator[str]:
    """Yield what is missing of transactional ids: who may not use one may not look it up either."""
    client = AIOKafkaClient(
        bootstrap_servers=settings.kafka_bootstrap, client_id=settings.app_id, **security(settings)
    )
    await client.bootstrap()
    try:
        for right in needed:
            if right.resource == "transactional-id":
                try:
                    await client.coordinator_lookup(CoordinationType.TRANSACTION, right.name)
                except TransactionalIdAuthorizationFailed:
                    yield f"Write on transactional-id {right.name} ({right.pattern})"
                except KafkaClientError:
                    continue  # coordinators that are not up yet are the clients' to wait for
    finally:
        await client.close()


def _missing(resource: str, name: str, operations: tuple[str, ...], future: Any) -> Iterator[str]:
    try:
        allowed = {operation.name for operation in future.result().authorized_operations or ()}
    except KafkaException as error:
        match error.args[0].code():
            case KafkaError.UNKNOWN_TOPIC_OR_PART:
                yield f"topic {name} is missing, or hidden: run `leadstream topics` as an operator"
                return
            case KafkaError.TOPIC_AUTHORIZATION_FAILED | KafkaError.GROUP_AUTHORIZATION_FAILED:
                allowed = set()
            case _:
                return  # no such group yet, or Kafka cannot tell now
    lacking = [o for o in operations if o.upper() not in allowed]
    if lacking:
        yield f"{' and '.join(lacking)} on {resource} {name}"


def client_configuration(settings: Settings) -> dict[str, str]:
    """Return the settings as librdkafka names them."""
    found = {
        "bootstrap.servers": settings.kafka_bootstrap,
        "security.protocol": settings.kafka_security_protocol,
        "log_level": "0",
    }
    if settings.kafka_security_protocol.startswith("SASL"):
        found |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_sasl_username,
            "sasl.password": settings.kafka_sasl_password.get_secret_value(),
        }
    for name, file in (
        ("ssl.ca.location", settings.kafka_ssl_ca_file),
        ("ssl.certificate.location", settings.kafka_ssl_cert_file),
        ("ssl.key.location", settings.kafka_ssl_key_file),
    ):
        if file is not None:
            found[name] = str(file)
    return found
