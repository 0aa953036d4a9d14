"""Refused events on a real Kafka: looked at, repaired and sent again, each exactly once."""

import asyncio
import io
import os
import subprocess
import sys
import time
import uuid
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from aiokafka.errors import InvalidProducerEpoch, ProducerFenced
from checks import records_of
from worker_process import environment, own_settings, workers

from schemas import topics
from stream.cli.main import main
from stream.dead_letters import DeadLetterError, LetterBox, Selection
from stream.kafka.administration import ensure_topics
from stream.kafka.brokers.broker import Broker
from stream.kafka.brokers.embedded import EmbeddedKafka
from stream.kafka.clients import new_producer, partition_of
from stream.kafka.transactions import addressed, append
from stream.lead.identity import LeadNotFoundError
from stream.lead.outputs import Origin, Output, encode_key
from stream.lead.progress import META_KEY
from stream.lead.routing import Router
from stream.lead.stored_form import encode_row
from stream.repairs import Workshop
from stream.replays import CHUNK_LETTERS, Report, replay
from stream.settings import Settings
from stream.stored_states import find_lead

WAIT_S = 60.0
KEY = "a-secret-for-the-letters"
kafka_tests = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(240)]


def own(name: str) -> str:
    """Return an id that no other test uses."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def moment(ahead_s: float = 0.0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat()


def event(kind: str, **fields: Any) -> bytes:
    return orjson.dumps({"type": kind, "event_id": own("e"), "occurred_at": moment(), **fields})


async def command(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of dead letters to its end, however it ends, in this process."""
    return await asyncio.to_thread(_command, settings, arguments)


def _command(settings: Settings, arguments: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.dict(os.environ, environment(settings), clear=True),
        patch.object(sys, "argv", ["leadstream", "dead-letters", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


async def said(settings: Settings, *arguments: str) -> str:
    done = await command(settings, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def report(settings: Settings, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(await said(settings, *arguments, "--json"))
    return found


async def push(settings: Settings, *sendings: tuple[topics.Topic, bytes | None, bytes]) -> None:
    producer = new_producer(settings)
    await producer.start()
    try:
        for topic, key, value in sendings:
            await producer.send_and_wait(settings.topic(topic.name), value=value, key=key)
    finally:
        await producer.stop()


async def letters(settings: Settings, count: int) -> dict[str, str]:
    """Wait for so many letters; return their ids by reason."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        found = [letter async for letter in LetterBox(settings).letters(Selection())]
        if len(found) >= count:
            assert len(found) == count
            return {letter.reason: letter.letter_id for letter in found}
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(found)} letters of {count}")


async def events_of(settings: Settings, lead_id: str, count: int) -> list[str]:
    """Wait until a lead has so many events; return its journey."""
    deadline, state = time.monotonic() + WAIT_S, None
    while time.monotonic() < deadline:
        try:
            state, _ = await find_lead(settings, lead_id)
            if state.events >= count:
                assert state.events == count
                return [step[1] for step in state.journey]
        except (LeadNotFoundError, KeyError):
            pass
        await asyncio.sleep(0.1)
    raise AssertionError(f"{lead_id}: {state}")


async def refuse(settings: Settings, *values: bytes) -> list[str]:
    """Write letters as ``route`` does, of page views from offset 0 on; return their ids."""
    router = Router(b"any", settings.sealer())
    outputs: list[Output] = []
    for offset, value in enumerate(values):
        origin = Origin("page-views", 1, offset, time.time())
        (letter,) = router.route(b"k%d" % offset, value, origin).outputs
        outputs.append(letter)
    producer = new_producer(settings)
    await producer.start()
    try:
        await append(producer, await addressed(producer, settings, outputs))
    finally:
        await producer.stop()
    return [f"page-views/1/{offset}" for offset in range(len(values))]


def fax(**fields: Any) -> bytes:
    """Return an event of no known type, which a patch of the type makes a page view."""
    return event("page_fax", **{"lead_id": "lead", "url": "https://example.com", **fields})


PAGE_VIEW = {"type": "page_view"}
TO_VIEWS = ("--patch", orjson.dumps(PAGE_VIEW).decode())


class TestLive:
    """Against a worker."""

    pytestmark = kafka_tests

    async def test_dead_letters_are_repaired_and_scored_exactly_once(
        self, kafka: Broker, tmp_path: Path
    ) -> None:
        settings = own_settings(kafka, clock="wall", dead_letter_key=KEY)
        await ensure_topics(settings)
        lead, person, visitor, late = own("lead"), f"{own('jane')}@example.com", own("v"), own("w")
        mail = f"{own('joan')}@example.com"
        wrong = event("form_fill", email=person, form_id="f", form_kind=person)
        too_late = event(
            "form_fill", email=mail, anonymous_id=late, form_id="f", form_kind="contact",
            occurred_at=moment(-8 * 86_400), text=mail,
        )  # fmt: skip
        huge = event("page_view", lead_id=lead, url="u", title="x" * 3_600_000)
        fax_of_lead = fax(lead_id=lead, anonymous_id=visitor)
        with workers(settings, tmp_path) as (worker,):
            await push(
                settings,
                (topics.PAGE_VIEWS, b"a key", fax_of_lead),
                (topics.FORM_FILLS, person.encode(), wrong),
                (topics.FORM_FILLS, None, too_late),
                (topics.PAGE_VIEWS, None, b"{no JSON \xff"),
                (topics.PAGE_VIEWS, None, huge),
            )
            ids = await letters(settings, 5)
            await self._shows_nothing_without_its_key(settings, person, mail)
            await self._is_listed_and_shown(settings, ids, person)

            refused = await command(settings, "repair", ids["bad_value"], "--set", "form_kind=fax")
            assert refused.returncode == 1
            assert "refused again: bad_value: form_kind = 'fax'" in refused.stderr
            mended = await report(
                settings, "repair", ids["bad_value"], "--set", "form_kind=contact", "--replay"
            )
            assert mended["event"]["form_kind"] == "contact"
            assert mended["replay"]["sent"] == 1

            chosen = ("replay", "--reason", "unknown_type", *TO_VIEWS)
            assert (await report(settings, *chosen, "--dry-run"))["first_sent"] == [
                ids["unknown_type"]
            ]
            assert (await report(settings, *chosen))["sent"] == 1
            again = await report(settings, *chosen)
            assert (again["sent"], again["already_replayed"]) == (0, 1)

            named = await report(settings, "repair", ids["not_json"], "--patch", orjson.dumps({
                "type": "page_view", "event_id": own("e"), "occurred_at": moment(),
                "lead_id": lead, "url": "/",
            }).decode(), "--replay")  # fmt: skip
            assert named["replay"]["sent"] == 1

            still_late = await command(settings, "replay", ids["too_late"])
            assert still_late.returncode == 1
            assert "LEADSTREAM_LATE_GRACE_S" in still_late.stderr
            in_time = ("repair", ids["too_late"], "--set", f"occurred_at={moment()}", "--replay")
            assert (await report(settings, *in_time))["replay"]["sent"] == 1

            rest = await command(settings, "replay", "--json")
            assert rest.returncode == 1
            found = orjson.loads(rest.stdout)
            assert (found["sent"], found["already_replayed"], found["refused"]) == (0, 4, 1)
            assert found["first_refused"][0]["id"] == ids["too_large"]

            # The lead has the fax, which is a view now, and the view that the patch made.
            await events_of(settings, lead, 2)
            assert (await find_lead(settings, f"anon:{visitor}"))[0].lead_id == lead
            # Known by mail as before: the visitor's address forwards to the mail's lead.
            await events_of(settings, f"anon:{late}", 1)
            assert (await find_lead(settings, f"anon:{late}"))[0].lead_id.startswith("email:")

            # The sender has mended its events and sends them itself: they are known.
            corrected = orjson.loads(fax_of_lead) | PAGE_VIEW
            view = event("page_view", lead_id=lead, url="/last")
            await push(
                settings,
                (topics.PAGE_VIEWS, b"a key", orjson.dumps(corrected)),
                (topics.FORM_FILLS, b"", wrong.replace(b'"form_kind":"' + person.encode() + b'"',
                                                       b'"form_kind":"contact"')),
                (topics.PAGE_VIEWS, b"a key", view),
            )  # fmt: skip
            await events_of(settings, lead, 3)
            assert worker.process.poll() is None, worker.log.read_text()
        assert (await report(settings, "list"))["letters"] == 5

    async def _shows_nothing_without_its_key(self, settings: Settings, *people: str) -> None:
        for record in await records_of(settings, topics.DEAD_LETTERS):
            parts = [record.key or b"", record.value, *(v for _, v in record.headers)]
            for person in people:
                assert not any(person.encode() in part for part in parts)
        blind = settings.model_copy(update={"dead_letter_key": "another-secret"})
        ids = [letter.letter_id async for letter in LetterBox(settings).letters(Selection())]
        shown = await command(blind, "show", ids[0])
        assert shown.returncode == 1
        assert "LEADSTREAM_DEAD_LETTER_KEY" in shown.stderr
        assert "Traceback" not in shown.stderr
        sent = await command(blind, "replay")
        assert sent.returncode == 1
        assert sent.stdout.startswith("0 sent, 0 replayed before, 5 would be refused again")
        assert sent.stderr.count("LEADSTREAM_DEAD_LETTER_OLD_KEYS") == 5
        former = settings.model_copy(
            update={"dead_letter_key": "another-secret", "dead_letter_old_keys": f"x, {KEY}"}
        )
        assert (await report(former, "show", ids[0]))["id"] == ids[0]

    async def _is_listed_and_shown(
        self, settings: Settings, ids: dict[str, str], person: str
    ) -> None:
        found = await report(settings, "list")
        assert found["letters"] == 5
        stages = {row["reason"]: (row["stage"], row["replayed"]) for row in found["counts"]}
        assert stages.pop("too_late") == ("score", 0)
        assert stages == dict.fromkeys(set(ids) - {"too_late"}, ("route", 0))
        assert {letter["id"] for letter in found["newest"]} == set(ids.values())
        few = await report(settings, "list", "--topic", "page-views", "--limit", "1")
        assert (few["letters"], len(few["newest"])) == (3, 1)
        assert (await report(settings, "list", "--since", moment(60)))["letters"] == 0
        assert "too_late (score)" in await said(settings, "list")

        shown = await said(settings, "show", ids["bad_value"])
        assert f"form_kind = '{person}'" in shown
        assert f'"email": "{person}"' in shown
        broken = await said(settings, "show", ids["not_json"])
        assert broken.splitlines()[-1] == r"{no JSON \xff"
        cut = await report(settings, "show", ids["too_large"])
        assert cut["is_whole"] is False
        nobody = await command(settings, "show", "page-views/0/999")
        assert nobody.returncode == 1
        assert "no letter 'page-views/0/999'" in nobody.stderr


class TestWithoutAWorker:
    """What is sent, and how often."""

    pytestmark = kafka_tests

    @pytest.fixture
    async def settings(self, kafka: Broker) -> Settings:
        settings = own_settings(kafka, clock="wall")
        await ensure_topics(settings)
        return settings

    async def test_events_go_back_to_their_topic_and_partition_with_their_key(
        self, settings: Settings
    ) -> None:
        first, second = await refuse(settings, fax(lead_id="a"), fax(lead_id="b"))
        done = await replay(settings, Selection(frozenset({second, "x/0/0"})), PAGE_VIEW)
        assert (done.sent, done.first_sent, done.not_found) == (1, [second], ["x/0/0"])
        (sent,) = await records_of(settings, topics.PAGE_VIEWS)
        assert (sent.partition, sent.key) == (1, b"k1")
        assert orjson.loads(sent.value)["lead_id"] == "b"
        (mark,) = await records_of(settings, topics.DEAD_LETTER_REPLAYS)
        assert mark.key == second.encode()
        assert topics.DEAD_LETTER_REPLAYS.adapter().validate_json(mark.value).patched
        assert (await replay(settings, Selection(), PAGE_VIEW)).first_sent == [first]

    async def test_a_dry_run_leaves_everything_as_it_was(self, settings: Settings) -> None:
        ids = await refuse(settings, fax(), b"")
        done = await replay(settings, Selection(), PAGE_VIEW, dry_run=True)
        assert (done.first_sent, done.refused) == (ids[:1], 1)
        assert not await records_of(settings, topics.PAGE_VIEWS)
        assert not await records_of(settings, topics.DEAD_LETTER_REPLAYS)

    async def test_a_replay_killed_in_the_middle_has_sent_nothing_twice(
        self, settings: Settings
    ) -> None:
        ids = await refuse(settings, *(fax() for _ in range(5)))
        killed = new_producer(settings, f"{settings.app_id}-dead-letters")
        await killed.start()
        await killed.begin_transaction()
        half = Output("page-views", b"k0", fax(**PAGE_VIEW), [])
        mark = Output("dead-letter-replays", ids[0].encode(), b"never committed", [])
        await append(killed, await addressed(killed, settings, [half, mark]))
        try:
            assert (await replay(settings, Selection(), PAGE_VIEW)).sent == 5
            assert (await replay(settings, Selection(), PAGE_VIEW)).sent == 0
            assert len(await records_of(settings, topics.PAGE_VIEWS)) == 5
            with pytest.raises((InvalidProducerEpoch, ProducerFenced)):
                await killed.commit_transaction()
        finally:
            await killed.stop()

    async def test_two_operators_at_once_send_each_event_once(self, settings: Settings) -> None:
        ids = await refuse(settings, *(fax() for _ in range(3 * CHUNK_LETTERS + 1)))
        runs = [replay(settings, Selection(), PAGE_VIEW) for _ in range(3)]
        done = await asyncio.gather(*runs, return_exceptions=True)
        assert all(isinstance(d, Report | DeadLetterError) for d in done), done
        assert all("run this again" in str(d) for d in done if not isinstance(d, Report))
        last = await replay(settings, Selection(), PAGE_VIEW)
        assert last.sent + last.already_replayed == len(ids)
        sent = [r.key for r in await records_of(settings, topics.PAGE_VIEWS)]
        assert sorted(sent) == sorted(b"k%d" % n for n in range(len(ids)))

    async def test_a_repeated_letter_is_sent_once_and_foreign_records_are_counted(
        self, settings: Settings
    ) -> None:
        wrong = fax()
        await refuse(settings, wrong)
        await refuse(settings, wrong)  # route's repeat after a crash: the same place
        await push(settings, (topics.DEAD_LETTERS, None, b"{}"))
        found = await LetterBox(settings).listing(Selection(), 5)
        assert (found["letters"], len(found["newest"]), found["unreadable"]) == (2, 1, 1)
        assert (await replay(settings, Selection(), PAGE_VIEW)).sent == 1
        assert len(await records_of(settings, topics.PAGE_VIEWS)) == 1

    async def test_where_events_bring_their_time_the_log_says_what_is_late(
        self, settings: Settings
    ) -> None:
        settings = settings.model_copy(update={"clock": "event"})
        await refuse(settings, fax(occurred_at="2026-01-01T00:00:00Z"))
        (letter,) = [letter async for letter in LetterBox(settings).letters(Selection())]
        assert (await Workshop(settings).repair(letter, PAGE_VIEW)).refusal is None
        number = partition_of(encode_key("lead"), settings.partitions)
        at_s = datetime(2026, 1, 8, 1, tzinfo=UTC).timestamp()
        producer = new_producer(settings)
        await producer.start()
        try:
            name = settings.topic(topics.LEAD_STATES.name)
            meta = encode_row({"v": 1, "now_s": at_s}, None, 0)
            await append(producer, [(name, number, META_KEY, meta, [])])
        finally:
            await producer.stop()
        refusal = (await Workshop(settings).repair(letter, PAGE_VIEW)).refusal
        assert refusal is not None
        assert (refusal.reason, refusal.field) == ("too_late", "occurred_at")


@pytest.mark.timeout(120)
async def test_dead_letters_without_transactions_are_marked_after_they_are_sent() -> None:
    with EmbeddedKafka() as broker:
        settings = own_settings(broker, delivery="at_least_once", clock="wall")
        for topic in topics.TOPICS:
            broker.create_topic(settings.topic(topic.name), topic.partitions or 4)
        await refuse(settings, fax(), fax())
        done = await command(settings, "replay", *TO_VIEWS)
        assert (done.returncode, done.stdout[:7]) == (0, "2 sent,"), done.stderr
        assert "at_least_once" in done.stderr
        again = await command(settings, "replay", *TO_VIEWS)
        assert again.stdout.startswith("0 sent, 2 replayed before")
        assert again.stderr == ""
        assert len(await records_of(settings, topics.PAGE_VIEWS)) == 2


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["list", "--since", "yesterday"], "RFC 3339"),
        (["list", "--reason", "bad_mood"], "bad_value"),
        (["repair", "a/0/0", "--patch", "{"], "not JSON"),
        (["repair", "a/0/0", "--set", "field"], "field=value"),
        (["replay", "--patch", "[]"], "JSON object"),
    ],
    ids=lambda part: part if isinstance(part, str) else None,
)
async def test_dead_letters_commands_say_what_to_give_instead(
    arguments: list[str], remedy: str
) -> None:
    done = await command(Settings(kafka_bootstrap="127.0.0.1:1"), *arguments)
    assert done.returncode in {1, 2}
    assert remedy in done.stderr
    assert "Traceback" not in done.stderr
