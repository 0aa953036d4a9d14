"""Looking into stored lead states from outside the workers: find, check, rebuild."""

from dataclasses import dataclass
from typing import Any

import orjson

from schemas import topics
from stream.kafka.clients import new_reader, partition_of, read_all, read_latest
from stream.kafka.snapshots import read_snapshots
from stream.kafka.transactions import PartitionProducer, ToSend
from stream.lead.decide import score_state
from stream.lead.discount import discounted
from stream.lead.house import House
from stream.lead.identity import MAX_HOPS
from stream.lead.outputs import Output, encode_key, rfc3339
from stream.lead.partition import META_KEY, Partition
from stream.lead.points import standing
from stream.lead.scoring import reasons_of
from stream.lead.state import LeadState, StateFormatError
from stream.models import P_CONVERT, SnapshotStore
from stream.settings import Settings


class LeadNotFoundError(LookupError):
    """No state is stored for a lead."""


@dataclass(frozen=True)
class StateFault:
    """A changelog record that cannot be read."""

    partition: int
    lead_id: str
    fault: str


async def partitions_of(settings: Settings, topic: topics.Topic) -> int:
    """Return how many partitions a topic has in Kafka."""
    reader = new_reader(settings, settings.topic(topic.name))
    await reader.start()
    try:
        return len(reader.partitions_for_topic(settings.topic(topic.name)) or ())
    finally:
        await reader.stop()


async def latest_states(settings: Settings, number: int) -> dict[bytes, bytes]:
    """Return the last value of each key in a partition of the changelog."""
    return await read_latest(settings, settings.topic(topics.LEAD_STATES.name), number)


async def find_lead(settings: Settings, lead_id: str) -> tuple[LeadState, float]:
    """Return a lead's state, found through forwarding addresses, and its log's time.

    Raises
    ------
    LeadNotFoundError
        If no state is stored under this id.
    """
    partitions = await partitions_of(settings, topics.LEAD_EVENTS)
    address = lead_id
    for _ in range(MAX_HOPS):
        key = encode_key(address)
        states = await latest_states(settings, partition_of(key, partitions)) if partitions else {}
        if key not in states:
            break
        state = LeadState.from_json(orjson.loads(states[key]))
        if state.forward_to is None:
            return state, float(orjson.loads(states[META_KEY])["now_s"])
        address = state.forward_to
    raise LeadNotFoundError(
        f"no state of lead {lead_id!r}; ids are case-sensitive, visitors are anon:ID, and leads "
        "known by mail email:HASH"
    )


async def explain(settings: Settings, lead_id: str) -> dict[str, Any]:
    """Return what a lead's score is made of, as of its last event."""
    state, now_s = await find_lead(settings, lead_id)
    store = SnapshotStore()
    await read_snapshots(settings, store)
    house = settings.house()
    scorer = store.scorer(P_CONVERT, state.model_version) if state.model_version else None
    scored, points, _ = score_state(state, state.last_at_s, scorer, house)
    return {
        "lead_id": state.lead_id,
        "asked_for": lead_id,
        "score": scored.score,
        "tier": state.tier,
        "p_convert": scored.p_convert,
        "p_low": scored.p_low,
        "p_high": scored.p_high,
        "points": round(points, 2),
        "points_by_rule": {
            rule: round(p, 2)
            for rule, p in standing(state.ledger, house.points, state.last_at_s).items()
        },
        "reasons": reasons_of(scored),
        "model": P_CONVERT,
        "model_version": scored.version,
        "model_weight": scored.model_weight,
        "stage": state.stage,
        "outcome": state.outcome,
        "attributes": state.attributes,
        "consent": {
            purpose: {"granted": granted, "since": rfc3339(at_s)}
            for purpose, (granted, at_s) in state.consent.items()
        },
        "first_seen_at": rfc3339(state.first_at_s),
        "last_event_at": rfc3339(state.last_at_s),
        "as_of": rfc3339(now_s),
        "events": state.events,
        "journey": [
            {"occurred_at": rfc3339(at_s), "what": kind, "points": points}
            for at_s, kind, points in state.journey
        ],
        "discounted": [
            {"kind": kind, "count": count, "reason": reason, "latest_at": rfc3339(at_s)}
            for kind, reason, count, at_s in discounted(state)
        ],
        "open_decisions": [
            {
                "trigger_id": trigger_id,
                "rule": rule,
                "action": action,
                "decided_at": rfc3339(at_s),
                "expires_at": rfc3339(expires_s),
            }
            for trigger_id, (rule, action, at_s, expires_s) in state.decisions.items()
        ],
    }


async def check_states(settings: Settings) -> tuple[int, list[StateFault]]:
    """Return how many states can be read, and each record that cannot."""
    readable, faults = 0, []
    for number in range(await partitions_of(settings, topics.LEAD_STATES)):
        for key, value in (await latest_states(settings, number)).items():
            if key == META_KEY:
                continue
            try:
                LeadState.from_json(orjson.loads(value))
                readable += 1
            except (StateFormatError, orjson.JSONDecodeError) as error:
                lead_id = key.decode("utf-8", "replace")
                faults.append(StateFault(number, lead_id, str(error)))
    return readable, faults


async def fold_log(
    settings: Settings,
    number: int,
    house: House,
    store: SnapshotStore,
    until: int | None = None,
) -> tuple[Partition, list[Output]]:
    """Fold a partition's log without a worker; return its states and its outputs.

    Parameters
    ----------
    until
        The offset to stop before; by default the log's end.

    Raises
    ------
    StateFormatError
        If the log no longer begins at its beginning, so that states would lack what is gone.
    """
    partition = Partition(house, store)
    records = await read_all(settings, settings.topic(topics.LEAD_EVENTS.name), number)
    if records and records[0].offset > 0:
        raise StateFormatError(
            f"the log of partition {number} begins at offset {records[0].offset}: retention has "
            "removed what came before; restore the record from a backup, or erase the lead"
        )
    outputs: list[Output] = []
    for record in records:
        if until is None or record.offset < until:
            partition.apply(record)
            outputs += partition.take().outputs
    return partition, outputs


async def repair_states(settings: Settings, faults: list[StateFault]) -> list[str]:
    """Rebuild leads whose record is broken from their log; workers must be stopped.

    Starting the partition's transactional producer shuts out a worker that is not.
    """
    house, store = settings.house(), SnapshotStore()
    await read_snapshots(settings, store)
    repaired = []
    for number in sorted({fault.partition for fault in faults}):
        partition, _ = await fold_log(settings, number, house, store)
        producer = PartitionProducer(
            settings, settings.topic(topics.LEAD_EVENTS.name), number, _NoCommits()
        )
        await producer.open()
        try:
            changelog: list[ToSend] = []
            for fault in faults:
                if fault.partition == number:
                    state = partition.leads.get(fault.lead_id)
                    value = None if state is None else orjson.dumps(state.to_json())
                    key = encode_key(fault.lead_id)
                    name = settings.topic(topics.LEAD_STATES.name)
                    changelog.append((name, number, key, value, []))
                    repaired.append(fault.lead_id)
            await producer.send((), changelog)
        finally:
            await producer.close()
    return repaired


class _NoCommits:
    def note_offset(self, topic: str, partition: int, offset: int) -> None:
        raise NotImplementedError("a repair moves no offsets")
