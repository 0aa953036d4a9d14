"""What operators decide about models: who is champion, which version is pinned, going back."""

from collections.abc import Sequence

from stream.kafka.clients import new_producer
from stream.kafka.transactions import append
from stream.lead.learner import champion_record, serving_record
from stream.lead.outputs import Output
from stream.lead.signature import signed
from stream.lead.versions import kind_of
from stream.models import SIMULATED, SnapshotStore
from stream.settings import Settings

Decided = tuple[list[Output], str]
"""Records that make it so, not signed yet, and what happened in words."""


def promotion(store: SnapshotStore, name: str, kind: str, checkpoint_interval_s: float) -> Decided:
    """Make a challenger the champion; raises ValueError if it has no version, or learns nothing."""
    if kind == SIMULATED:  # a champion learns, and the learner would take its place at once
        version = next(iter(store.versions(name, kind)[-1:]), "VERSION")
        raise ValueError(
            f"{kind} was trained in simulation and does not go on learning: let it serve with "
            f"`leadstream models rollback {name} {version}`"
        )
    usable = [v for v in store.versions(name, kind) if store.has(name, v)]
    if not usable:
        kinds = sorted({kind_of(v) for v in store.versions(name)})
        some = f"contestants that have are: {', '.join(kinds)}" if kinds else "nor has any other"
        raise ValueError(
            f"model {name!r} has no version by {kind!r}, {some}; challengers publish one every "
            f"{checkpoint_interval_s:g} s (LEADSTREAM_CHALLENGERS)"
        )
    said = f"{name} comes from {kind} now, at first from version {usable[-1]}"
    if store.pinned(name) is not None:
        said += f"\nbut version {store.pinned(name)} is pinned: leadstream models release {name}"
    return [champion_record(name, kind, "command")], said


def going_back(store: SnapshotStore, name: str, version: str | None) -> Decided:
    """Pin a version, the one before the serving one if none is named; ValueError if not kept."""
    kept = [v for v in store.versions(name) if store.has(name, v)]
    if version is None:
        serving = store.serving(name)
        own = [v for v in kept if serving is not None and kind_of(v) == kind_of(serving)]
        earlier = own[: own.index(serving)] if serving in own else kept
        version = earlier[-1] if earlier else None
    if version is None or version not in kept:
        some = ", ".join(kept[-10:]) or "none"
        raise ValueError(
            f"model {name!r} has no version {version or 'to go back to'}; kept: {some}"
        )
    return [serving_record(name, "pin", version)], f"{name} is pinned to version {version}"


def releasing(store: SnapshotStore, name: str) -> Decided:
    """Let the champion's newest version serve again, and the rule decide on champions."""
    pin = serving_record(name, "pin", "")
    records = [Output(pin.topic, pin.key, None, [])]
    champion = store.champion(name)
    if champion is not None:
        records.append(champion_record(name, champion.kind, "rule"))
    return records, f"{name} serves its newest version again"


def decided(
    store: SnapshotStore,
    decision: str,
    name: str,
    chosen: str | None,
    checkpoint_interval_s: float,
) -> Decided:
    """Return what ``promote``, ``rollback`` or ``release`` leads to.

    Parameters
    ----------
    chosen
        A kind where one is promoted, a version or None where one goes back.

    Raises
    ------
    ValueError
        If it cannot be; the message says why and what to do.
    """
    if decision == "promote":
        return promotion(store, name, chosen or "", checkpoint_interval_s)
    if decision == "rollback":
        return going_back(store, name, chosen)
    if decision == "release":
        return releasing(store, name)
    raise ValueError(f"{decision!r}: promote, rollback or release")


async def write_records(settings: Settings, records: Sequence[Output]) -> None:
    """Sign records of models, and write them into their topics."""
    secret = settings.snapshot_key.get_secret_value().encode()
    producer = new_producer(settings)
    await producer.start()
    try:
        await append(
            producer,
            [
                (settings.topic(record.topic), 0, record.key, record.value, record.headers)
                for record in (signed(record, secret) for record in records)
            ],
        )
    finally:
        await producer.stop()
