"""Each input is in the log as routing says, or a dead letter says why not."""

from collections import defaultdict
from itertools import groupby
from typing import Any

import orjson

from checks.verdict import Verdict, records_of, short
from schemas import topics
from stream.lead.outputs import Origin
from stream.lead.routing import PART_HEADER, SOURCE_HEADER, Router
from stream.settings import Settings


async def check_inputs(settings: Settings, verdict: Verdict) -> None:
    """Compare each input with the log: routing is pure, so it says what must be there."""
    logged = await _logged(settings, verdict)
    letters: dict[str, set[str]] = defaultdict(set)
    for record in await records_of(settings, topics.DEAD_LETTERS):
        letter = orjson.loads(record.value)
        source = f"{letter['topic']}/{letter['partition']}/{letter['offset']}"
        if letter["stage"] == "route":
            letters[source].add(letter["reason"])
    router = Router(
        settings.email_key.get_secret_value().encode(),
        settings.sealer(),
        replayed=settings.clock == "event",
        future_tolerance_s=settings.future_tolerance_s,
        reader=settings.text_reader(),
    )
    for topic in (*topics.INPUTS, topics.LEAD_FORWARDS):
        for record in await records_of(settings, topic):
            origin = Origin(topic.name, record.partition, record.offset, record.timestamp / 1000.0)
            source = f"{topic.name}/{record.partition}/{record.offset}"
            routed = router.route(record.key, record.value, origin)
            own = topic is not topics.LEAD_FORWARDS
            verdict.events_in += own
            expected = {_part(o): (o.key, o.value) for o in routed.outputs}
            if routed.event_type == "refused":
                verdict.events_refused += own
                reasons = letters.pop(source, set())
                if reasons != {routed.outcome}:
                    verdict.lost.append(f"{source}: no dead letter {routed.outcome}, {reasons}")
                expected = {}
            elif not expected:
                verdict.events_of_no_lead += own
            found = logged.pop(source, {})
            verdict.events_applied += own and bool(found)
            for part, content in expected.items():
                if part not in found:
                    verdict.lost.append(f"{source} part {part}: {short(content)}")
                elif found[part] != content:
                    verdict.state_mismatches.append(f"{source} part {part} in the log differs")
            verdict.state_mismatches += [
                f"{source} part {part} in the log, unasked for" for part in found.keys() - expected
            ]
    verdict.state_mismatches += [f"{source} in the log, of no input" for source in logged]
    verdict.state_mismatches += [f"{source}: a dead letter of no refusal" for source in letters]


async def _logged(settings: Settings, verdict: Verdict) -> dict[str, dict[int, Any]]:
    """Return source -> part -> key and value; what the fold will pass over unseen is lost."""
    logged: dict[str, dict[int, Any]] = defaultdict(dict)
    records = await records_of(settings, topics.LEAD_EVENTS)
    for record in records:
        source = dict(record.headers).get(SOURCE_HEADER, b"").decode()
        if not source:
            continue
        part = _part(record)
        if part in logged[source]:
            verdict.repeated_in_log += 1
        else:
            logged[source][part] = record.key, record.value
    _check_order(records, verdict)
    return logged


def _check_order(logged: list[Any], verdict: Verdict) -> None:
    """Find what the fold takes for a repeat, since it is not after the last of its source."""
    for number, records in groupby(logged, key=lambda record: record.partition):
        last: dict[str, tuple[int, int]] = {}
        seen: set[tuple[str, tuple[int, int]]] = set()
        for record in records:
            where = dict(record.headers).get(SOURCE_HEADER)
            if where is None:
                continue
            source, _, offset = where.decode().rpartition("/")
            position = int(offset), _part(record)
            if position < last.get(source, (-1, 0)) and (source, position) not in seen:
                verdict.lost.append(
                    f"{where.decode()} in the log of partition {number} at {record.offset}, after "
                    f"{last[source]} of the same source: passed over as a repeat, and is none"
                )
            seen.add((source, position))
            last[source] = max(position, last.get(source, (-1, 0)))


def _part(record: Any) -> int:
    return int(dict(record.headers).get(PART_HEADER, b"0"))
