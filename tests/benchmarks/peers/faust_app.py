"""Faust at the job, as its guide shows: an agent, a table with a changelog, and ``send``.

At least once: Faust's own transactions do not hold under load.
"""

import os
from typing import Any

import faust
from job import Job

app = faust.App(
    os.environ["PEER_NAME"],
    broker=f"kafka://{os.environ['PEER_BOOTSTRAP']}",
    datadir=os.environ["PEER_FOLDER"],
    consumer_auto_offset_reset="earliest",
    topic_partitions=int(os.environ["PEER_PARTITIONS"]),
    topic_allow_declare=True,
    topic_disable_leader=True,
    web_enabled=False,
)
raw: Any = {"key_serializer": "raw", "value_serializer": "raw"}
events = app.topic(os.environ["PEER_EVENTS"], **raw)
scores = app.topic(os.environ["PEER_SCORES"], **raw)
leads: Any = app.Table("leads", default=None)
job = Job()


@app.agent(events)
async def score(stream: Any) -> None:
    """Score each event."""
    async for key, value in stream.items():
        name = key.decode()
        leads[name], change = job.score(leads.get(name), value)
        await scores.send(key=key, value=change)


if __name__ == "__main__":
    app.main()
