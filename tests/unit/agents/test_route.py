from types import SimpleNamespace
from typing import Any

import orjson
from lead_stream import EMAIL_KEY, HOUSE, START_S, event

from stream.agents.route import RouteWorker
from stream.lead.routing import Routed, Router
from stream.settings import Settings


class Failing(Router):
    """A router with a fault that one event brings out."""

    def route(self, key: bytes | None, value: bytes | None, *args: Any) -> Routed:
        if value and b"poison" in value:
            raise AttributeError("'list' object has no attribute 'strip'")
        return super().route(key, value, *args)


async def test_an_event_that_route_fails_at_is_set_aside_whole_and_the_next_ones_go_on() -> None:
    sent: list[Any] = []
    done: dict[tuple[str, int], int] = {}

    async def send(outputs: Any, offsets: Any) -> None:
        sent.extend(outputs)
        done.update(offsets)

    router = Failing(EMAIL_KEY, HOUSE.sealer, replayed=True)
    producer: Any = SimpleNamespace(send=send)
    worker = RouteWorker(Settings(), router, producer, clock=lambda: START_S)
    values = [
        orjson.dumps(event("page_view", name, lead_id="L")) for name in ("e1", "poison", "e2")
    ]
    await worker.process(
        [
            SimpleNamespace(
                topic="page-views", partition=2, offset=n, timestamp=0, key=b"k", value=value,
                headers=(),
            )
            for n, value in enumerate(values)
        ]
    )  # fmt: skip
    assert done == {("page-views", 2): 3}
    assert [output.topic for output in sent] == ["lead-events", "dead-letters", "lead-events"]
    letter = orjson.loads(sent[1].value)
    assert (letter["stage"], letter["reason"], letter["offset"]) == ("route", "cannot_apply", 1)
    assert HOUSE.sealer.open(letter["sealed"], "page-views/2/1").value == values[1]
