"""What becomes of a letter's event when it is sent again, down to the lead's state."""

import orjson
import pytest
from lead_stream import DAY_S, EMAIL_KEY, HOUSE, START_S, LeadStream, event, iso

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.lead.hashing import email_hash
from stream.lead.outputs import Origin, Output, dead_letter
from stream.repairs import Repaired, Workshop
from stream.settings import Settings

SETTINGS = Settings(email_key=EMAIL_KEY.decode())
LATE_S = HOUSE.late_grace_s + 60.0


def read(output: Output) -> DeadLetter:
    assert output.topic == topics.DEAD_LETTERS.name
    return DeadLetter.model_validate_json(output.value or b"")


def letters(stream: LeadStream) -> list[DeadLetter]:
    return [read(o) for o in stream.outputs if o.topic == topics.DEAD_LETTERS.name]


def workshop(stream: LeadStream) -> Workshop:
    return Workshop(SETTINGS, clock=lambda: stream.now_s)


def resend(stream: LeadStream, repaired: Repaired) -> None:
    assert repaired.refusal is None
    for topic, _, key, value in repaired.records:
        stream._route(topic, key, value)
    stream.deliver()


@pytest.fixture
def late() -> LeadStream:
    """Return a stream that has refused a form with an email address, as too late."""
    stream = LeadStream()
    stream.tick(LATE_S)
    form = event("form_fill", "e", 0, anonymous_id="v", email="jane@example.com")
    stream.send(form | {"text": "I am jane@example.com"})
    assert stream.state("anon:v") is None
    return stream


async def test_a_late_event_is_refused_until_it_is_patched_and_then_is_its_leads(late):
    (letter,) = letters(late)
    as_it_was = await workshop(late).repair(letter, None)
    assert as_it_was.refusal is not None
    assert (as_it_was.refusal.reason, as_it_was.refusal.field) == ("too_late", "occurred_at")
    assert "LEADSTREAM_LATE_GRACE_S" in as_it_was.refusal.message

    resend(late, await workshop(late).repair(letter, {"occurred_at": iso(late.now_s)}))

    address = "email:" + email_hash("jane@example.com", EMAIL_KEY)
    assert late.lead(address).events == 1
    visitor = late.state("anon:v")
    assert visitor is not None
    assert visitor.forward_to == address
    assert len(letters(late)) == 1


async def test_what_is_sent_again_twice_counts_once(late):
    (letter,) = letters(late)
    repaired = await workshop(late).repair(letter, {"occurred_at": iso(late.now_s)})
    for _ in range(2):
        resend(late, repaired)
    assert late.lead("email:" + email_hash("jane@example.com", EMAIL_KEY)).events == 1


async def test_an_event_that_was_on_its_way_is_opened_and_addressed_anew(late):
    wrapped = orjson.dumps(
        {"type": "forwarded", "to_lead_id": "M", "path": ["L"] * 8,
         "event": event("activity", "e", LATE_S, lead_id="L")}
    )  # fmt: skip
    output = dead_letter(
        HOUSE.sealer, Origin("lead-forwards", 0, 1, START_S), b"M", wrapped,
        stage="score", reason="forward_chain", field="lead_id", message="merge",
    )  # fmt: skip
    repaired = await workshop(late).repair(read(output), {"lead_id": "N"})
    ((topic, partition, key, value),) = repaired.records
    assert (topic, partition, key) == ("lead-forwards", None, b"N")
    assert orjson.loads(value)["path"] == []
    resend(late, repaired)
    assert late.lead("N").events == 1


async def test_a_text_that_a_patch_changes_is_read_anew(late):
    reading = {
        "language": "en",
        "sentiment": 0.0,
        "intents": ["price"],
        "is_urgent_negative": False,
    }
    form = event("form_fill", "e", LATE_S, lead_id="L", text="How much?", text_reading=reading)
    output = dead_letter(
        HOUSE.sealer, Origin("lead-events", 0, 1, START_S), b"L", orjson.dumps(form),
        stage="score", reason="cannot_apply", field=None, message="again",
    )  # fmt: skip
    reads = Settings(email_key=EMAIL_KEY.decode(), read_texts=True)
    for settings, patch, intents in (
        (SETTINGS, None, ["price"]),
        (reads, {"text": "Please call me back"}, ["meeting"]),
        (SETTINGS, {"text": "Please call me back"}, None),
    ):
        repaired = await Workshop(settings, clock=lambda: late.now_s).repair(read(output), patch)
        ((_, _, _, value),) = repaired.records
        said = orjson.loads(value)["event"].get("text_reading", {})
        assert said.get("intents") == intents


@pytest.mark.parametrize("kind", ["link", "lead_moved"])
async def test_records_of_our_own_go_on_as_they_were_and_take_no_patch(late, kind):
    record = {"type": kind, "event_id": "e", "occurred_at": iso(late.now_s), "to_lead_id": "L"}
    if kind == "lead_moved":
        other = LeadStream()
        other.send(event("activity", "x", LATE_S, anonymous_id="w"))
        record |= {"path": ["anon:w"], "state": other.lead("anon:w").to_json()}
    key = b"anon:w" if kind == "link" else b"L"
    output = dead_letter(
        HOUSE.sealer, Origin("lead-forwards", 0, 1, START_S), key, orjson.dumps(record),
        stage="score", reason="cannot_apply", field=None, message="a fault",
    )  # fmt: skip
    letter = read(output)
    patched = await workshop(late).repair(letter, {"to_lead_id": "M"})
    assert patched.refusal is not None
    for _, _, _, value in (await workshop(late).repair(letter, None)).records:
        topics.LEAD_FORWARDS.adapter().validate_json(value)
    resend(late, await workshop(late).repair(letter, None))
    if kind == "link":
        forwarding = late.state("anon:w")
        assert forwarding is not None
        assert forwarding.forward_to == "L"
    else:
        assert late.lead("L").events == 1


async def test_what_the_router_refused_goes_back_as_it_came_where_it_would_now_pass(late):
    value = orjson.dumps(event("activity", "e", LATE_S, lead_id="L"))
    output = dead_letter(
        HOUSE.sealer, Origin("lead-activities", 3, 1, START_S), None, value,
        stage="route", reason="bad_value", field="name", message="until the next release",
    )  # fmt: skip
    repaired = await workshop(late).repair(read(output), None)
    assert repaired.records == (("lead-activities", 3, None, value),)


async def test_a_letter_that_is_cut_needs_a_patch_that_makes_the_event(late):
    origin = Origin("lead-activities", 0, 1, START_S)
    output = dead_letter(
        HOUSE.sealer, origin, None, b"x" * 3_100_000,
        stage="route", reason="too_large", field=None, message="too large",
    )  # fmt: skip
    refusal = (await workshop(late).repair(read(output), None)).refusal
    assert refusal is not None
    assert refusal.reason == "too_large"
    whole = event("activity", "e", LATE_S, lead_id="L", location=None)
    repaired = await workshop(late).repair(read(output), whole)
    assert orjson.loads(repaired.value) == {k: v for k, v in whole.items() if k != "location"}
    assert repaired.refusal is None


async def test_a_late_event_that_is_never_too_late_goes_through(late):
    value = orjson.dumps(event("consent", "e", -30 * DAY_S, lead_id="L", purpose="p", granted=True))
    output = dead_letter(
        HOUSE.sealer, Origin("crm-updates", 0, 1, START_S), None, value,
        stage="route", reason="bad_value", field=None, message="",
    )  # fmt: skip
    assert (await workshop(late).repair(read(output), None)).refusal is None
