"""A changelog full of typical leads, as many as asked for."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from schemas import topics
from stream.kafka.clients import new_producer, partition_of
from stream.kafka.transactions import ToSend, append
from stream.lead.outputs import encode_key
from stream.lead.progress import META_KEY
from stream.lead.stored_form import encode_row, encode_state
from stream.offline import OfflineStream
from stream.settings import Settings
from stream.simulator import Simulation

EVENTS = 12_000
SEED = 5
START = datetime(2026, 1, 5, tzinfo=UTC)
RECORDS_AT_ONCE = 5_000


def lead_name(number: int) -> str:
    """Return the id of a lead, all of them equally long.

    >>> lead_name(7)
    'lead-00000000007'
    """
    return f"lead-{number:011d}"


class TypicalLeads:
    """What simulated leads have become, again and again under other names.

    Leads, visitors and forwarding addresses come in the proportion that the simulation has.

    Attributes
    ----------
    now_s
        The time that they have come to, epoch seconds.
    """

    def __init__(self, settings: Settings) -> None:
        received_s = (START + timedelta(days=400)).timestamp()
        stream = OfflineStream(settings.house(), b"of no account here", received_s)
        for event in Simulation(events=EVENTS, seed=SEED, start=START):
            stream.feed(event.topic, event.value)
        self._states = list(stream.partition.leads.values())
        self._meta = stream.partition.progress.to_json()
        self.now_s = stream.partition.now_s

    def rows(self, count: int, *, idle: bool = False) -> Iterator[tuple[str, bytes]]:
        """Yield address and stored state of each of so many leads; no timer wakes idle ones."""
        for number in range(count):
            state = self._states[number % len(self._states)]
            state.lead_id, state.offset = lead_name(number), -1
            if idle:
                state.next_due_s = None
            yield state.lead_id, encode_state(state)

    def meta(self) -> bytes:
        """Return the record of a partition that has these leads and no log yet."""
        meta = {**self._meta, "next_offset": 0, "sources": {}, "versions": {}}
        return encode_row(meta, None, 0)


async def fill_changelog(settings: Settings, leads: int, *, idle: bool = False) -> TypicalLeads:
    """Write the states of so many leads into an empty changelog; return what they are.

    Idle ones lie in partitions that begin at the beginning of time.
    """
    typical = TypicalLeads(settings)
    topic = settings.topic(topics.LEAD_STATES.name)
    producer = new_producer(settings)
    await producer.start()
    try:
        waiting: dict[int, list[ToSend]] = defaultdict(list)
        if not idle:
            for number in range(settings.partitions):
                waiting[number].append((topic, number, META_KEY, typical.meta(), []))
        for address, row in typical.rows(leads, idle=idle):
            key = encode_key(address)
            number = partition_of(key, settings.partitions)
            waiting[number].append((topic, number, key, row, []))
            if len(waiting[number]) >= RECORDS_AT_ONCE:
                await append(producer, waiting.pop(number))
        for records in waiting.values():
            await append(producer, records)
    finally:
        await producer.stop()
    return typical
