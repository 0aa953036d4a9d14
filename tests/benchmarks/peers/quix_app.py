"""Quix Streams at the job: a stateful function over a dataframe, exactly once, as its guide shows.

State is in RocksDB with a changelog topic; checkpoints are made every five seconds, its default.
"""

import os
from typing import Any

from job import Job
from quixstreams import Application, State


def main() -> None:
    """Work until stopped."""
    job = Job()

    def score(value: bytes, key: Any, timestamp: int, headers: Any, state: State) -> bytes:
        lead, change = job.score(state.get("lead"), value)
        state.set("lead", lead)
        return change

    app = Application(
        broker_address=os.environ["PEER_BOOTSTRAP"],
        consumer_group=os.environ["PEER_NAME"],
        state_dir=os.environ["PEER_FOLDER"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        auto_create_topics=True,
    )
    events = app.topic(
        os.environ["PEER_EVENTS"], key_deserializer="str", value_deserializer="bytes"
    )
    scores = app.topic(os.environ["PEER_SCORES"], key_serializer="str", value_serializer="bytes")
    stream = app.dataframe(events)
    stream = stream.apply(score, stateful=True, metadata=True)
    stream.to_topic(scores)
    app.run()


if __name__ == "__main__":
    main()
