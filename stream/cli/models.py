"""Commands about models: versions, who serves, going back."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from stream.kafka.clients import new_producer
from stream.kafka.snapshots import read_snapshots
from stream.kafka.transactions import append
from stream.lead.learner import champion_record, serving_record
from stream.lead.outputs import Output
from stream.lead.signature import signed
from stream.lead.versions import kind_of
from stream.models import SIMULATED, SnapshotStore
from stream.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The model's name.")]
SHOWN = 20

models_app = typer.Typer(
    help="Versions of the models: which serve, who may take over, and going back.\n\n"
    "Example: leadstream models --json"
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(models_app, name="models")


@models_app.callback(invoke_without_command=True)
def list_models(context: typer.Context, json: Json = False) -> None:
    """List the kept versions, newest last, and which one serves.

    Example: leadstream models --json
    """
    if context.invoked_subcommand is not None:
        return
    store = asyncio.run(read_store(Settings()))
    rows = [
        {
            "model": model,
            "version": version,
            "examples": document["examples"],
            "positives": document["positives"],
            "library": document["library"],
            "serving": version == store.serving(model),
            "pinned": version == store.pinned(model),
        }
        for model in store.models()
        for version in store.versions(model)
        for document in (store.document(model, version),)
    ]
    if json:
        typer.echo(orjson.dumps(rows).decode())
        return
    if not rows:
        typer.echo("no version yet: scores come from the rules until the first outcomes are known")
        return
    table = Table("model", "version", "examples", "positives", "library", "")
    for row in rows[-SHOWN:]:
        role = ("serving " if row["serving"] else "") + ("pinned" if row["pinned"] else "")
        table.add_row(*(str(row[k]) for k in list(row)[:5]), role)
    console = Console()
    console.print(table)
    for model in store.models():
        champion = store.champion(model)
        if champion is not None:
            how = "by the rule" if champion.decided_by == "rule" else "by a command, until released"
            console.print(f"{model}: {champion.kind} is the champion, {how}", highlight=False)


@models_app.command()
def promote(
    name: Name,
    kind: Annotated[str, typer.Argument(help="The challenger, such as logistic.")],
) -> None:
    """Make a challenger the champion: its newest version serves, and those that follow.

    The rule that promotes by itself leaves it alone until `leadstream models release`.

    Example: leadstream models promote p_convert logistic
    """
    settings = Settings()
    store = asyncio.run(read_store(settings))
    if kind == SIMULATED:  # a champion learns, and the learner would take its place at once
        version = next(iter(store.versions(name, kind)[-1:]), "VERSION")
        raise typer.BadParameter(
            f"{kind} was trained in simulation and does not go on learning: let it serve with "
            f"`leadstream models rollback {name} {version}`"
        )
    usable = [v for v in store.versions(name, kind) if store.has(name, v)]
    if not usable:
        kinds = sorted({kind_of(v) for v in store.versions(name)})
        some = f"contestants that have are: {', '.join(kinds)}" if kinds else "nor has any other"
        raise typer.BadParameter(
            f"model {name!r} has no version by {kind!r}, {some}; challengers publish one every "
            f"{settings.checkpoint_interval_s:g} s (LEADSTREAM_CHALLENGERS)"
        )
    asyncio.run(write_records(settings, [champion_record(name, kind, "command")]))
    typer.echo(f"{name} comes from {kind} now, at first from version {usable[-1]}")
    if store.pinned(name) is not None:
        typer.echo(f"but version {store.pinned(name)} is pinned: leadstream models release {name}")


@models_app.command()
def rollback(
    name: Name,
    version: Annotated[
        str | None, typer.Argument(help="The version; the one before the serving one if none.")
    ] = None,
) -> None:
    """Pin a former version, until `leadstream models release` lets the newest serve again.

    Example: leadstream models rollback p_convert bayesian_logistic-1200
    """
    settings = Settings()
    store = asyncio.run(read_store(settings))
    kept = [v for v in store.versions(name) if store.has(name, v)]
    if version is None:
        serving = store.serving(name)
        own = [v for v in kept if serving is not None and kind_of(v) == kind_of(serving)]
        earlier = own[: own.index(serving)] if serving in own else kept
        version = earlier[-1] if earlier else None
    if version is None or version not in kept:
        some = ", ".join(kept[-10:]) or "none"
        raise typer.BadParameter(
            f"model {name!r} has no version {version or 'to go back to'}; kept: {some}"
        )
    asyncio.run(write_records(settings, [serving_record(name, "pin", version)]))
    typer.echo(f"{name} is pinned to version {version}")


@models_app.command()
def release(name: Name) -> None:
    """Let the champion's newest version serve again, and the rule decide on champions.

    Example: leadstream models release p_convert
    """
    settings = Settings()
    store = asyncio.run(read_store(settings))
    pin = serving_record(name, "pin", "")
    records = [Output(pin.topic, pin.key, None, [])]
    champion = store.champion(name)
    if champion is not None:
        records.append(champion_record(name, champion.kind, "rule"))
    asyncio.run(write_records(settings, records))
    typer.echo(f"{name} serves its newest version again")


async def read_store(settings: Settings) -> SnapshotStore:
    """Return all versions that are kept."""
    store = SnapshotStore()
    await read_snapshots(settings, store)
    return store


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
