"""Collector, deliverer and personalizer do their work with the documented rights, and no fewer."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import orjson
import pytest
from acls import grant, login, revoke, scram_settings, started
from collector_process import BASIC, WRITE_KEY, CollectorHandle
from deliverer_process import deliverer, send, trigger, webhook
from personalizer_process import KEY, PersonalizerHandle, rank_body
from webhook_receiver import receiver
from worker_process import environment, ran, same_but

from schemas import topics
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.jvm import JvmKafka
from stream.rights import Party, Right, rights
from stream.roles import ROLES
from stream.settings import Settings

DEADLINE_S = 60
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def scram(kafka: Broker) -> Iterator[JvmKafka]:
    """Start a broker with SASL_SSL, SCRAM-SHA-512 and ACLs."""
    with started(kafka, JvmKafka(sasl="SCRAM-SHA-512", tls=True, acls=True)) as broker:
        yield broker


def _post(url: str, body: object, headers: dict[str, str]) -> int:
    asked = Request(url, orjson.dumps(body), headers)  # noqa: S310 - our own
    with urlopen(asked, timeout=DEADLINE_S) as answer:  # noqa: S310
        return int(answer.status)


def _collects(settings: Settings, _: Settings, folder: Path) -> None:
    running = CollectorHandle(settings, folder / "collector.log")
    try:
        message = {"userId": "L1", "event": "Signed Up", "type": "track"}
        assert _post(f"{running.url}/v1/track", message, BASIC) == 200
    finally:
        running.stop()


def _ranks(settings: Settings, _: Settings, folder: Path) -> None:
    running = PersonalizerHandle(settings, folder / "personalizer.log")
    try:
        headers = {"Ocp-Apim-Subscription-Key": KEY}
        assert _post(f"{running.url}/personalizer/v1.0/rank", rank_body(), headers) == 201
    finally:
        running.stop()


def _delivers(settings: Settings, scorer: Settings, folder: Path) -> None:
    async def deliver() -> None:
        async with receiver() as taking:
            assert settings.webhooks_file is not None
            settings.webhooks_file.write_text(webhook("calls", taking), encoding="utf-8")
            async with deliverer(settings, folder, ("calls", taking)):
                await send(scorer, [trigger(n) for n in range(5)])
                await taking.until(lambda r: len(r.taken) >= 5)

    asyncio.run(deliver())


@dataclass(frozen=True)
class Edge:
    """A command, the party whose rights it needs, what shows that it works; a right of its own."""

    command: str
    party: Party
    works: Callable[[Settings, Settings, Path], None]
    topic: topics.Topic


EDGES = (
    Edge("collect", "sender", _collects, topics.PAGE_VIEWS),
    Edge("deliver", "deliver", _delivers, topics.WEBHOOK_DELIVERIES),
    Edge("personalizer", "personalizer", _ranks, topics.PERSONALIZER_EVENTS),
)


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.command)
def test_the_documented_rights_suffice_and_one_that_is_missing_is_named_in_one_line(
    edge: Edge, scram: JvmKafka, tmp_path: Path
) -> None:
    base = same_but(
        scram_settings(scram),
        collect_port=0,
        write_keys=WRITE_KEY,
        personalizer_port=0,
        personalizer_keys=KEY,
        webhooks_file=tmp_path / "webhooks.toml",
    )
    operator, user, scorer = (login(scram, base, who) for who in ("operator", "edge", "scorer"))
    needed = rights(base, (edge.party,), user.kafka_sasl_username)
    grant(scram, [*rights(base, ("operator",), operator.kafka_sasl_username), *needed])
    grant(scram, rights(base, ROLES, scorer.kafka_sasl_username))
    asyncio.run(ensure_topics(operator))

    edge.works(user, scorer, tmp_path)

    missing: Right = next(r for r in needed if r.name == base.topic(edge.topic.name))
    revoke(scram, missing)
    variables = {**environment(user), "CALLS_SECRET": "whsec_" + "c2VjcmV0" * 6}
    done = ran(variables, edge.command, timeout_s=DEADLINE_S)
    said = [line for line in done.stderr.splitlines() if "denies" in line]
    assert done.returncode == 1, done.stderr
    assert len(said) == 1, done.stderr
    assert missing.name in said[0]
    assert "leadstream topics --acls" in said[0]


def test_a_deliverer_that_may_no_longer_commit_ends_and_says_so(
    scram: JvmKafka, tmp_path: Path
) -> None:
    base = same_but(scram_settings(scram), webhooks_file=tmp_path / "webhooks.toml")
    operator, user, scorer = (login(scram, base, who) for who in ("operator", "edge", "scorer"))
    needed = rights(base, ("deliver",), user.kafka_sasl_username)
    grant(scram, [*rights(base, ("operator",), operator.kafka_sasl_username), *needed])
    grant(scram, rights(base, ROLES, scorer.kafka_sasl_username))
    asyncio.run(ensure_topics(operator))
    group = next(r for r in needed if r.resource == "group")

    async def deliver() -> tuple[int, str]:
        async with receiver() as taking:
            assert base.webhooks_file is not None
            base.webhooks_file.write_text(webhook("calls", taking), encoding="utf-8")
            async with deliverer(user, tmp_path, ("calls", taking)) as running:
                await send(scorer, [trigger(1)])
                await taking.until(lambda r: len(r.taken) >= 1)
                await asyncio.to_thread(revoke, scram, group)
                await send(scorer, [trigger(2)])
                code = await asyncio.to_thread(running.process.wait, DEADLINE_S)
                return code, running.log.read_text()

    code, log = asyncio.run(deliver())
    assert code == 1, log
    (said,) = [line for line in log.splitlines() if line.startswith("leadstream:")]
    assert "denies" in said
    assert "leadstream topics --acls" in said
