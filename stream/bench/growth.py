"""What grows with leads, histories, events and features, and what stays as it is."""

import asyncio
import gc
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from online_models.catalogue import build_model
from schemas import topics
from stream.bench.harness import BenchError, machine
from stream.bench.limit import BATCH_RECORDS
from stream.bench.mix import SECONDS_BETWEEN_VISITS, START_S, MixedEvent, mixed_events
from stream.bench.typical_leads import TypicalLeads, lead_name
from stream.kafka.clients import READ_RECORDS
from stream.lead.house import DAY_S, House
from stream.lead.labels import MODEL
from stream.lead.learner import Learner, decoded
from stream.lead.outputs import Origin, encode_key, rfc3339
from stream.lead.partition import Partition
from stream.lead.progress import META_KEY
from stream.lead.records import Batch
from stream.lead.routing import Router
from stream.lead.stored_form import decode_state, frame, read_row
from stream.models import SnapshotStore
from stream.offline import LogEntry, OfflineStream
from stream.settings import Settings

RECEIVED_S = 2e9
EMAIL_KEY = b"of no account here"
Rows = Iterable[tuple[bytes, bytes]]
FEWEST_LEADS = 1_000
KIND = "bayesian_logistic"
ROWS_BEFORE = 10_000
COMPARED_BATCHES = 100
COMPARED_LEADS = 100
HISTORIES = (10, 100, 1_000, 10_000)
LEADS_WITH_HISTORY = 10
WRITTEN_EVENTS = 5_000
WRITTEN_BEFORE = 20_000
FEATURES = (10, 100, 1_000, 10_000, 100_000)
FEATURES_OF_AN_EXAMPLE = 30
EXAMPLES = 2_000


async def bench_growth(leads: int) -> dict[str, Any]:
    """Compare the CPU cost of an event by leads and by history; count bytes; let models grow.

    No Kafka takes part. Both sides of a comparison take the same events by turns in one process,
    so that what else the machine does meets both.

    Returns
    -------
    dict
        ``cost_ratio_…``: an event's CPU time with the most leads, or the longest history, over
        that with the least, the median of all batches; ``cost_us_by_…`` in microseconds;
        ``first_touch_…`` where the lead's state has to be decoded; ``state_bytes_by_history`` as
        stored, and the ``kinds_by_history`` counted in it; ``bytes_per_lead`` of resident memory;
        ``…_bytes_an_event`` as written; ``learner`` by how many features examples draw 30 from.

    Raises
    ------
    BenchError
        If leads are fewer than 1,000, an event led to no score, or a process fails.
    """
    if leads < FEWEST_LEADS:
        raise BenchError(f"{leads} leads: give {FEWEST_LEADS} or more")
    settings = Settings(score_step=0.0, late_grace_s=1e9)
    house = settings.house()
    taught = OfflineStream(house, EMAIL_KEY, RECEIVED_S)
    for event in mixed_events(4_000, leads=200):
        taught.feed(event.topic, event.value)
    return {
        "leads": leads,
        "bytes_per_lead": await _bytes_per_lead(leads),
        **_by_leads(TypicalLeads(settings), house, taught, leads),
        **_by_history(house, taught),
        **_written(house, taught),
        "learner": {str(count): _learner(count) for count in FEATURES},
        **machine(),
    }


class _Loop:
    """route, score and commit, a batch at a time, with a model that was taught elsewhere."""

    def __init__(self, house: House, taught: OfflineStream, changelog: Rows = ()) -> None:
        self.partition = Partition(house, taught.store, changelog)
        self.partition.progress.versions.update(taught.partition.progress.versions)
        self._router = Router(EMAIL_KEY, house.sealer, replayed=True)
        self._offset = 0

    def run(self, events: Iterable[MixedEvent]) -> tuple[Batch, list[tuple[bytes, bytes | None]]]:
        """Take a batch in; return what it led to and its changelog."""
        records: list[LogEntry] = []
        for event in events:
            origin = Origin(event.topic, 0, self._offset, RECEIVED_S)
            for out in self._router.route(event.lead_id.encode(), event.value, origin).outputs:
                records.append(LogEntry(self._offset, 0, out.key, out.value, out.headers))
                self._offset += 1
        batch = self.partition.fold(records)
        changelog = self.partition.changelog(batch)
        self.partition.committed()
        return batch, changelog

    def rows(self, addresses: Iterable[str]) -> dict[str, bytes]:
        """Return the states of leads as they are stored."""
        return {a: self.partition.leads.row(a) or b"" for a in addresses}

    def set_back(self, rows: Mapping[str, bytes], *, is_open: bool) -> None:
        """Give leads the states that they had, decoded as after a touch or not."""
        for address, row in rows.items():
            self.partition.leads.put_row(address, row)
            if is_open:
                self.partition.leads.get(address)


def _by_leads(
    typical: TypicalLeads, house: House, taught: OfflineStream, leads: int
) -> dict[str, Any]:
    rows = typical.rows(FEWEST_LEADS, idle=True)
    # Forwarding addresses score nothing.
    addresses = [a for a, row in rows if decode_state(row).forward_to is None]
    sizes = [size for size in (10**n for n in range(3, 10)) if size <= leads]
    loops = {size: _Loop(house, taught, _idle_changelog(typical, size)) for size in sizes}
    start_s = typical.now_s + SECONDS_BETWEEN_VISITS
    # The same leads in all sizes, all of them decoded or none. With leads at random 1,000 would
    # all stay decoded and hardly any of 1,000,000: that would be compared, and not their number.
    touched = _compare(loops, addresses, start_s, is_open=True)
    first = _compare(loops, addresses, start_s, is_open=False)
    return _figures("cost", "leads", touched) | _figures("first_touch", "leads", first)


def _idle_changelog(typical: TypicalLeads, leads: int) -> Iterator[tuple[bytes, bytes]]:
    yield META_KEY, typical.meta()
    # All have timers, after the comparison: one that fires costs its own lead, not the event.
    due_s = typical.now_s + 30 * DAY_S
    for address, row in typical.rows(leads, idle=True):
        yield encode_key(address), frame(read_row(row).body, due_s, -1)


def _by_history(house: House, taught: OfflineStream) -> dict[str, Any]:
    addresses = [lead_name(number) for number in range(LEADS_WITH_HISTORY)]
    end_s = START_S + max(HISTORIES) * SECONDS_BETWEEN_VISITS
    loops = {count: _Loop(house, taught) for count in HISTORIES}
    sizes, kinds = {}, {}
    for count, loop in loops.items():
        begin_s = end_s - count * SECONDS_BETWEEN_VISITS
        for events in _batches(_events(addresses, count * len(addresses), begin_s, seed=-count)):
            loop.run(events)
        rows = loop.rows(addresses).values()
        sizes[str(count)] = round(statistics.mean(map(len, rows)))
        kinds[str(count)] = statistics.mean(len(decode_state(row).counts.counts) for row in rows)
    costs = _compare(loops, addresses, end_s, is_open=True)
    figures = _figures("cost", "history", costs)
    return figures | {"state_bytes_by_history": sizes, "kinds_by_history": kinds}


def _compare(
    loops: Mapping[int, _Loop], addresses: Sequence[str], start_s: float, *, is_open: bool
) -> dict[int, list[float]]:
    """Return what an event costs each loop, batch by batch, in CPU-microseconds."""
    kept = {size: loop.rows(addresses) for size, loop in loops.items()}
    costs: dict[int, list[float]] = {size: [] for size in loops}
    turns, at_once = itertools.cycle(addresses), min(COMPARED_LEADS, len(addresses))
    gc.collect()
    gc.freeze()
    for number in range(COMPARED_BATCHES):
        some = list(itertools.islice(turns, at_once))
        events = list(_events(some, at_once, start_s, seed=number))
        for size in sorted(loops, reverse=bool(number % 2)):
            # Else leads of ten events would soon be leads of a hundred.
            loops[size].set_back({a: kept[size][a] for a in some}, is_open=is_open)
            started_s = time.process_time()
            batch, _ = loops[size].run(events)
            costs[size].append((time.process_time() - started_s) / at_once * 1e6)
            scores = sum(output.topic == topics.LEAD_SCORES.name for output in batch.outputs)
            if scores != at_once:
                raise BenchError(f"{scores} score changes of {at_once} events")
    gc.unfreeze()
    for size, loop in loops.items():
        loop.set_back(kept[size], is_open=False)
    return costs


def _events(ids: Sequence[str], count: int, start_s: float, seed: int) -> Iterator[MixedEvent]:
    """Yield events of leads by turns; calls for outcomes, since closed leads cost less."""
    turns = itertools.cycle(ids)
    for event in mixed_events(count, len(ids), seed=seed, start_s=start_s):
        topic, lead_id = event.topic, next(turns)
        body = orjson.loads(event.value) | {"lead_id": lead_id}
        if body["type"] == "outcome":
            topic = topics.LEAD_ACTIVITIES.name
            body |= {"type": "activity", "name": "call", "properties": {}}
        yield MixedEvent(topic, lead_id, orjson.dumps(body))


def _batches(events: Iterable[MixedEvent]) -> Iterator[list[MixedEvent]]:
    left = iter(events)
    while batch := list(itertools.islice(left, BATCH_RECORDS)):
        yield batch


def _figures(what: str, by: str, costs: Mapping[int, list[float]]) -> dict[str, Any]:
    pairs = zip(costs[max(costs)], costs[min(costs)], strict=True)
    medians = {str(size): round(statistics.median(found), 1) for size, found in costs.items()}
    return {
        f"{what}_ratio_{by}": round(statistics.median(most / least for most, least in pairs), 3),
        f"{what}_us_by_{by}": medians,
    }


def _written(house: House, taught: OfflineStream) -> dict[str, float]:
    loop = _Loop(house, taught)
    for events in _batches(mixed_events(WRITTEN_BEFORE, leads=1_000)):
        loop.run(events)
    state_bytes = score_bytes = 0
    for events in _batches(mixed_events(WRITTEN_EVENTS, leads=1_000, first=WRITTEN_BEFORE)):
        batch, changelog = loop.run(events)
        state_bytes += sum(len(key) + len(value or b"") for key, value in changelog)
        for output in batch.outputs:
            if output.topic == topics.LEAD_SCORES.name:
                parts = (output.key, output.value or b"", *itertools.chain(*output.headers))
                score_bytes += sum(map(len, parts))
    return {
        "changelog_bytes_an_event": round(state_bytes / WRITTEN_EVENTS, 1),
        "score_bytes_an_event": round(score_bytes / WRITTEN_EVENTS, 1),
    }


def _learner(features: int) -> dict[str, int]:
    rng = random.Random(features)  # noqa: S311 - the same for everybody
    learner = Learner(MODEL, KIND, build_model)
    at_once = min(FEATURES_OF_AN_EXAMPLE, features)
    # Twice: a number that was seen with one value alone has no deviation, and is not published.
    for first in (*range(0, features, at_once), *range(0, features, at_once)):
        seen = range(features)[first : first + at_once]
        learner.learn(decoded(_example(seen, rng)), learner.next_offset)
    examples = [_example(rng.sample(range(features), at_once), rng) for _ in range(EXAMPLES)]
    started_s = time.process_time()
    for example in examples:
        learner.learn(decoded(example), learner.next_offset)
    return {
        "examples_per_s": round(EXAMPLES / (time.process_time() - started_s)),
        "snapshot_bytes": len(learner.snapshot().value or b""),
    }


def _example(features: Iterable[int], rng: random.Random) -> bytes:
    """Return an example of features that are numbers and text by turns."""
    body = {
        "type": "training_example",
        "model": MODEL,
        "x": {f"attribute:{n:06d}": rng.gauss(0.0, 1.0) if n % 2 else "yes" for n in features},
        "y": rng.random() < 0.5,
        "weight": 1.0,
        "p_convert": 0.5,
        "occurred_at": rfc3339(START_S),
        "labelled_at": rfc3339(START_S + DAY_S),
    }
    return orjson.dumps(body)


async def _bytes_per_lead(leads: int) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "stream.bench.growth", str(leads)), stdout=asyncio.subprocess.PIPE
    )
    found, _ = await process.communicate()
    if process.returncode:
        raise BenchError("the process that restores leads failed: see above")
    return int(found)


def _rss_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Restore leads; print what memory each takes: ``python -m stream.bench.growth LEADS``."""
    leads, settings = int(sys.argv[1]), Settings()
    rows = ((encode_key(a), r) for a, r in TypicalLeads(settings).rows(ROWS_BEFORE + leads))
    # The first ones fill what the simulation of typical leads has let go of.
    former = itertools.islice(rows, ROWS_BEFORE)
    partition = Partition(settings.house(), SnapshotStore(), former)
    former_bytes = _rss_bytes()
    for number, (key, row) in enumerate(rows):
        partition.states.restore(key, row)
        if number % READ_RECORDS == 0:
            partition.leads.pack()
    print((_rss_bytes() - former_bytes) // leads)


if __name__ == "__main__":
    main()
