"""What all topics hold, kept so that a failure can be looked into afterwards."""

import gzip
from pathlib import Path

import orjson
from checks import records_of

from schemas import topics
from stream.settings import Settings


async def dump_topics(settings: Settings, folder: Path) -> None:
    """Write each topic's committed records as JSON lines, gzipped."""
    for topic in topics.TOPICS:
        with gzip.open(folder / f"{topic.name}.jsonl.gz", "wb", compresslevel=3) as file:
            for record in await records_of(settings, topic):
                line = {
                    "partition": record.partition,
                    "offset": record.offset,
                    "timestamp_ms": record.timestamp,
                    "key": _text(record.key),
                    "value": _text(record.value),
                    "headers": {name: _text(value) for name, value in record.headers},
                }
                file.write(orjson.dumps(line) + b"\n")


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "backslashreplace")
