"""Letters of what was not delivered open, and go back to the endpoint they are of."""

import orjson

from schemas import topics
from schemas.dead_letters import DeadLetter
from stream.lead.routing import Refusal
from stream.repairs import Workshop
from stream.settings import Settings
from stream.webhooks.decisions import GivenUp, letter
from stream.webhooks.deliveries import Delivery, Source, of_stored

NOW_S = 1_800_000_000.0
SETTINGS = Settings()
DELIVERY = Delivery(
    endpoint="crm",
    webhook_id="6f0c",
    source=Source("nurture-triggers", 3, 17),
    lead_id="lead-1",
    headers={"ce-id": "6f0c", "content-type": "application/json"},
    body=b'{"type":"nurture_triggered","lead_id":"lead-1","score":81.25}',
    received_s=NOW_S - 400_000,
    due_s=NOW_S,
    attempts=10,
    failure="answered 500",
)


def sent() -> DeadLetter:
    output = letter(SETTINGS.sealer(), GivenUp(DELIVERY, "10 attempts"), NOW_S)
    assert output.topic == topics.DEAD_LETTERS.name
    return DeadLetter.model_validate_json(output.value or b"")


def test_it_says_where_the_message_stood_and_which_endpoint_it_is_of():
    found = sent()
    assert found.letter_id == "nurture-triggers/3/17/crm"
    assert (found.stage, found.reason) == ("deliver", "undelivered")
    assert "lead-1" not in found.message
    other = found.model_copy(update={"endpoint": "other"})
    assert other.letter_id != found.letter_id


def test_two_endpoints_have_letters_with_ids_of_their_own():
    ids = set()
    for endpoint in ("crm", "mail"):
        one = Delivery(
            **{**{f: getattr(DELIVERY, f) for f in DELIVERY.__slots__}, "endpoint": endpoint}
        )
        output = letter(SETTINGS.sealer(), GivenUp(one, "10 attempts"), NOW_S)
        ids.add(dict(output.headers)["ce_id"])
    assert len(ids) == 2


async def test_a_replay_puts_it_back_with_all_attempts_before_it():
    workshop = Workshop(SETTINGS, clock=lambda: NOW_S)
    repaired = await workshop.repair(sent(), None)
    assert repaired.refusal is None
    ((topic, partition, key, value),) = repaired.records
    assert (topic, partition, key) == ("webhook-deliveries", 3, b"crm/6f0c")
    again = of_stored(value)
    assert (again.attempts, again.received_s, again.due_s) == (0, NOW_S, NOW_S)
    assert (again.body, again.headers) == (DELIVERY.body, DELIVERY.headers)
    assert orjson.loads(value)["failure"] is None


async def test_it_takes_no_patch():
    repaired = await Workshop(SETTINGS).repair(sent(), {"event": {}})
    assert isinstance(repaired.refusal, Refusal)
    assert "takes no patch" in repaired.refusal.message
