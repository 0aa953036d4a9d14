"""A record that names why it cannot be read becomes a dead letter that says so."""

from types import SimpleNamespace

import orjson
import pytest

from stream.agents.route import RouteWorker
from stream.lead.given_reasons import REASON_HEADER, REASONS, given_reason
from stream.lead.outputs import Output
from stream.lead.routing import Router
from stream.lead.sealing import Sealer
from stream.settings import Settings

VALID = orjson.dumps(
    {"type": "activity", "event_id": "e", "occurred_at": "2026-03-02T09:30:10Z", "lead_id": "L",
     "name": "call"}
)  # fmt: skip


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []

    async def send(self, outputs: list[Output], _: object) -> None:
        self.outputs += outputs


async def routed(*headers: tuple[str, bytes]) -> Output:
    sent = Sent()
    worker = RouteWorker(Settings(), Router(b"key", Sealer(b"key")), sent)  # type: ignore[arg-type]
    record = SimpleNamespace(
        topic="lead-activities", partition=0, offset=7, timestamp=1772443810000, key=b"L",
        value=VALID, headers=headers,
    )  # fmt: skip
    await worker.process([record])
    (output,) = sent.outputs
    return output


@pytest.mark.parametrize("name", REASONS)
async def test_a_reason_in_the_header_makes_a_dead_letter_that_says_it(name: str) -> None:
    output = await routed(("trace", b"x"), (REASON_HEADER, name.encode()))
    assert output.topic == "dead-letters"
    letter = orjson.loads(output.value or b"")
    assert (letter["reason"], letter["message"]) == (REASONS[name].reason, REASONS[name].message)
    position = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
    assert Sealer(b"key").open(letter["sealed"], position).value == VALID


@pytest.mark.parametrize("value", [b"of my own", b"\xff", b""])
async def test_what_names_no_reason_of_ours_is_read_as_any_record(value: bytes) -> None:
    assert given_reason([(REASON_HEADER, value)]) is None
    assert (await routed((REASON_HEADER, value))).topic == "lead-events"
