"""The same workers on a Kafka that asks who is there, encrypts, and allows the least."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import orjson
import pytest
from acls import grant, login, revoke, scram_settings, started
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from worker_process import WorkerHandle, environment, own_settings, ran, same_but, workers

from schemas import topics
from stream.kafka import authorization
from stream.kafka.administration import ensure_topics
from stream.kafka.authorization import DENIED, RightsError, check_rights, watch_rights
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.jvm import JvmKafka
from stream.kafka.clients import new_producer, new_reader, read_all
from stream.kafka.transactions import addressed, append
from stream.lead.learner import serving_record
from stream.lead.outputs import Output
from stream.lead.signature import signed
from stream.lead.versions import offset_of
from stream.rights import Party, Right, rights
from stream.roles import OUTPUTS, ROLES
from stream.settings import Settings

DEADLINE_S = 60
TOKEN = "a-token-of-the-house"  # noqa: S105 - of this test alone

pytestmark = [pytest.mark.kafka, pytest.mark.transactions]


@pytest.fixture(scope="module")
def scram(kafka: Broker) -> Iterator[JvmKafka]:
    """Start a broker with SASL_SSL, SCRAM-SHA-512 and ACLs."""
    with started(kafka, JvmKafka(sasl="SCRAM-SHA-512", tls=True, acls=True)) as broker:
        yield broker


def _event(kind: str, number: int, **fields: object) -> tuple[str, bytes]:
    topic = next(t for t in topics.INPUTS if kind in t.types())
    at = datetime.now(UTC) - timedelta(seconds=10 - number)
    event = {"type": kind, "event_id": f"e{number}", "occurred_at": at.isoformat(), **fields}
    return topic.name, orjson.dumps(event)


# One of each kind of work: a visitor who becomes a lead, a trigger, a refusal; and a label.
EVENTS = [
    _event("page_view", 1, anonymous_id="V1", url="https://example.com/pricing"),
    _event("form_fill", 2, anonymous_id="V1", lead_id="L1", form_id="f", form_kind="demo_request"),
    _event("form_fill", 4, lead_id="L2", form_id="f", form_kind="demo_request"),
    _event("page_view", 5, lead_id="L1"),
]
OUTCOME = _event("outcome", 3, lead_id="L1", result="won")


async def _send(settings: Settings, *events: tuple[str, bytes]) -> None:
    producer = new_producer(settings)
    try:
        await producer.start()
        for topic, value in events:
            await producer.send_and_wait(settings.topic(topic), value=value)
    finally:
        await producer.stop()


async def _first(settings: Settings, topic: topics.Topic, key: bytes | None = None) -> Any:
    """Wait for a topic's first record, or the first of a key."""
    reader = new_reader(settings, settings.topic(topic.name))
    try:
        await reader.start()
        async with asyncio.timeout(DEADLINE_S):
            while True:
                record = await reader.getone()
                if key in {None, record.key}:
                    return record
    finally:
        await reader.stop()


async def _works(sender: Settings, reader: Settings, operator: Settings) -> None:
    await _send(sender, *EVENTS)
    score = orjson.loads((await _first(reader, topics.LEAD_SCORES, b"L1")).value)
    assert score["type"] == "score_changed"
    await _send(sender, OUTCOME)  # other topics than its events: it could overtake them
    assert orjson.loads((await _first(reader, topics.NURTURE_TRIGGERS)).value)["rule"]
    for topic in (topics.DEAD_LETTERS, topics.LEAD_FORWARDS, topics.MODEL_SNAPSHOTS):
        assert (await _first(operator, topic)).value, topic.name


def _shown_lead(url: str, lead_id: str) -> Any:
    request = Request(f"{url}/leads/{lead_id}", headers={"Authorization": f"Bearer {TOKEN}"})  # noqa: S310 - our own worker
    with urlopen(request, timeout=DEADLINE_S) as answer:  # noqa: S310
        return orjson.loads(answer.read())


def test_each_party_does_its_work_with_its_own_rights_and_no_more(
    scram: JvmKafka, tmp_path: Path
) -> None:
    base = scram_settings(scram)
    operator, worker, sender, reader = (
        login(scram, base, party) for party in ("operator", "worker", "sender", "reader")
    )
    for parties, settings in (
        (("operator",), operator),
        (ROLES, worker),
        (("sender",), sender),
        (("reader",), reader),
    ):
        grant(scram, rights(base, parties, settings.kafka_sasl_username))

    reports = asyncio.run(ensure_topics(operator))
    assert all(report.created for report in reports)
    worker = same_but(worker, web_token=TOKEN)
    with workers(worker, tmp_path) as (running,):
        asyncio.run(_works(sender, reader, operator))
        assert _shown_lead(running.wait_until_up(), "L2")["lead_id"] == "L2"
        assert running.process.poll() is None

    for settings, topic in (
        (sender, topics.LEAD_SCORES),
        (sender, topics.PAGE_VIEWS),
        (reader, topics.DEAD_LETTERS),
        (worker, topics.LEAD_SCORES),
    ):
        with pytest.raises(TopicAuthorizationFailedError):
            asyncio.run(_first(settings, topic))
    with pytest.raises(DENIED):
        asyncio.run(_send(reader, *EVENTS))
    assert [r.fault for r in asyncio.run(ensure_topics(operator, create=False))] == [None] * len(
        topics.TOPICS
    )


@pytest.fixture(scope="module")
def deployed(scram: JvmKafka) -> tuple[Settings, list[Right]]:
    """Return a worker's settings and its rights, its topics being there."""
    base = scram_settings(scram)
    worker = login(scram, base, "worker")
    operator = login(scram, base, "operator")
    needed = rights(base, ROLES, worker.kafka_sasl_username)
    grant(scram, [*needed, *rights(base, ["operator"])])
    asyncio.run(ensure_topics(operator))
    return worker, needed


@pytest.mark.parametrize(
    ("resource", "name", "operation"),
    [
        ("topic", topics.PAGE_VIEWS.name, "Read"),
        ("topic", topics.LEAD_SCORES.name, "Write"),
        ("group", "", "Read"),
        ("transactional-id", f"{topics.TRAINING_EXAMPLES.name}-", "Write"),
    ],
)
def test_a_worker_that_lacks_a_right_ends_and_says_which(
    scram: JvmKafka,
    deployed: tuple[Settings, list[Right]],
    tmp_path: Path,
    resource: str,
    name: str,
    operation: str,
) -> None:
    settings, needed = deployed
    right = next(r for r in needed if r.resource == resource and r.name.endswith(name))
    taken = replace(right, operations=(operation,))
    revoke(scram, taken)
    worker = WorkerHandle(settings, tmp_path / "worker.log")
    try:
        assert worker.process.wait(DEADLINE_S) == 1
    finally:
        worker.stop()
        grant(scram, [taken])

    said = worker.log.read_text().splitlines()[-1]
    assert said.startswith("leadstream: Kafka denies this user")
    assert right.name.removesuffix("-") in said
    assert "leadstream topics --acls" in said
    if resource != "transactional-id":
        assert f"{operation} on {resource} {right.name}" in said


async def test_a_right_that_is_taken_away_later_is_noticed(
    scram: JvmKafka, deployed: tuple[Settings, list[Right]], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, needed = deployed
    monkeypatch.setattr(authorization, "CHECK_INTERVAL_S", 0.05)
    right = next(r for r in needed if r.name == settings.topic(topics.LEAD_STATES.name))
    taken = replace(right, operations=("Write",))
    await check_rights(settings, needed)
    watching = asyncio.create_task(watch_rights(settings, needed))
    try:
        await asyncio.to_thread(revoke, scram, taken)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(RightsError, match=f"Write on topic {right.name}"):
                await watching
    finally:
        watching.cancel()
        await asyncio.to_thread(grant, scram, [taken])


def test_mutual_tls_names_the_user(kafka: Broker, tmp_path: Path) -> None:
    with started(kafka, JvmKafka(client_certificates=True, acls=True)) as broker:
        base = own_settings(
            broker,
            clock="wall",
            partitions=1,
            kafka_security_protocol="SSL",
            kafka_ssl_ca_file=broker.ca_file,
        )

        def user(name: str, *parties: Party) -> Settings:
            own = broker.certificate_of(name)
            grant(broker, rights(base, parties, name))
            return same_but(
                base, kafka_ssl_cert_file=own.cert_file, kafka_ssl_key_file=own.key_file
            )

        operator, sender, reader = (user(n, n) for n in ("operator", "sender", "reader"))
        asyncio.run(ensure_topics(operator))
        with workers(user("worker", *ROLES), tmp_path):
            asyncio.run(_works(sender, reader, operator))
        with pytest.raises(TopicAuthorizationFailedError):
            asyncio.run(_first(sender, OUTPUTS[0]))
        with pytest.raises(KafkaConnectionError):
            asyncio.run(ensure_topics(base))  # no certificate
        distrusting = operator.model_copy(update={"kafka_ssl_ca_file": None})
        with pytest.raises(KafkaConnectionError):
            asyncio.run(ensure_topics(distrusting))


def test_leads_are_scored_over_tls_with_a_user_and_its_password(
    kafka: Broker, tmp_path: Path
) -> None:
    with started(kafka, JvmKafka(sasl="PLAIN", tls=True)) as broker:
        settings = own_settings(
            broker,
            clock="wall",
            partitions=1,
            kafka_security_protocol="SASL_SSL",
            kafka_sasl_username=broker.user,
            kafka_sasl_password=broker.password,
            kafka_ssl_ca_file=broker.ca_file,
        )
        asyncio.run(ensure_topics(settings))
        with workers(settings, tmp_path) as (worker,):
            asyncio.run(_works(settings, settings, settings))
            restore_s = _metric(worker.wait_until_up(), "leadstream_restore_seconds{")
        assert 0 < restore_s < 10, "an empty partition: connections took their time to close"


async def _write(settings: Settings, *outputs: Output) -> None:
    producer = new_producer(settings)
    try:
        await producer.start()
        records = await addressed(producer, settings, outputs)
        await append(producer, records)
    finally:
        await producer.stop()


def _metric(url: str, line: str) -> float:
    with urlopen(f"{url}/metrics", timeout=DEADLINE_S) as answer:  # noqa: S310 - our own worker
        lines = answer.read().decode().splitlines()
    return next((float(x.rpartition(" ")[2]) for x in lines if x.startswith(line)), 0.0)


def test_a_model_that_somebody_else_wrote_is_refused_and_never_announced(
    kafka: Broker, tmp_path: Path
) -> None:
    settings = own_settings(kafka, clock="wall", partitions=1, snapshot_key="the-secret-of-ours")
    asyncio.run(ensure_topics(settings))
    with workers(settings, tmp_path) as (running,):
        asyncio.run(_works(settings, settings, settings))
        url = running.wait_until_up()
        first = asyncio.run(_first(settings, topics.MODEL_SNAPSHOTS))
        body = orjson.loads(first.value)
        kind = body["version"].rpartition("-")[0]
        later, latest = f"{kind}-998", f"{kind}-999"
        forged = orjson.dumps(
            {**body, "version": latest, "state": {**body["state"], "intercept": 9}}
        )
        version = Output(topics.MODEL_SNAPSHOTS.name, f"p_convert/{latest}".encode(), forged, [])
        serving = serving_record("p_convert", "serving", latest)
        other = b"another-secret"
        asyncio.run(_write(settings, version, serving, signed(version, other)))
        line = 'leadstream_snapshots_refused_total{model="p_convert",reason="signature"}'
        deadline = time.monotonic() + DEADLINE_S
        while _metric(url, line) < 3:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        # Genuine, but of another release: the version before it stays.
        foreign = orjson.dumps(
            {
                **body,
                "version": later,
                "library": "river 0.0.1",
                "state": {**body["state"], "library": "river 0.0.1"},
            }
        )
        ours = settings.snapshot_key.get_secret_value().encode()
        asyncio.run(
            _write(
                settings,
                signed(Output(version.topic, f"p_convert/{later}".encode(), foreign, []), ours),
                signed(serving_record("p_convert", "serving", later), ours),
            )
        )
        line = 'leadstream_snapshots_refused_total{model="p_convert",reason="library"}'
        while _metric(url, line) < 1:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert _metric(url, "leadstream_model_version") == float(offset_of(body["version"]))
        lead = _shown_lead(url, "L2")
        assert running.process.poll() is None
    log = asyncio.run(read_all(settings, settings.topic(topics.LEAD_EVENTS.name), 0))
    announced = {e["version"] for r in log if (e := orjson.loads(r.value))["type"] == "use_model"}
    assert announced == {body["version"]}
    assert lead["model_version"] in {None, "", "0", body["version"]}


def test_doctor_names_the_right_that_is_missing(
    scram: JvmKafka, deployed: tuple[Settings, list[Right]]
) -> None:
    worker, needed = deployed
    missing = next(right for right in needed if right.name == worker.topic(topics.COSTS.name))
    revoke(scram, missing)
    try:
        done = ran(environment(worker), "doctor", "--json")
    finally:
        grant(scram, [missing])

    (found,) = [f for f in orjson.loads(done.stdout)["findings"] if f["check"] == "rights"]
    assert done.returncode == 1
    assert found["level"] == "fail"
    assert missing.name in found["value"]
