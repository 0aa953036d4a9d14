from types import SimpleNamespace
from typing import Any

import orjson
from decoder_checks import SNAPSHOT, VERSION
from lead_stream import HOUSE, START_S, event

from stream.agents.score import ScoreWorker
from stream.lead.partition import Partition
from stream.models import P_CONVERT, SnapshotStore
from stream.settings import Settings


class Sent:
    """A producer that keeps what it is given."""

    def __init__(self) -> None:
        self.outputs: list[Any] = []

    async def send(self, outputs: Any, *_: Any) -> dict[tuple[str, int], int]:
        self.outputs += outputs
        return {}


def _log(*bodies: tuple[bytes | None, dict[str, Any]]) -> list[Any]:
    return [
        SimpleNamespace(
            offset=n, timestamp=int(START_S * 1000), key=key, value=orjson.dumps(body), headers=[]
        )
        for n, (key, body) in enumerate(bodies)
    ]


async def test_a_version_that_another_process_announced_is_fetched_before_it_is_scored_by() -> None:
    store, fetched, producer = SnapshotStore(), [], Sent()

    async def fetch() -> None:
        fetched.append(len(fetched))
        store.put(f"{P_CONVERT}/{VERSION}", orjson.dumps(SNAPSHOT))

    worker = ScoreWorker(Settings(), HOUSE, store, 0, producer, lambda: 0.0, fetch)  # type: ignore[arg-type]
    worker.partition = Partition(HOUSE, store)
    announced = {"type": "use_model", "model": P_CONVERT, "version": VERSION}
    view = event("page_view", "e")
    await worker.process(_log((None, announced), (b"L", view)))
    (score,) = [orjson.loads(o.value) for o in producer.outputs if b"score_changed" in o.value]
    assert score["model_version"] == VERSION
    # One that is kept no longer is asked for once.
    gone = {"type": "use_model", "model": P_CONVERT, "version": "logistic-3"}
    records = _log((None, announced), (b"L", view), (None, gone), (b"M", view))
    await worker.process(records)
    await worker.process(_log(*[(b"N", event("page_view", f"n{n}")) for n in range(6)]))
    assert len(fetched) == 2
