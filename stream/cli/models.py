"""Commands about models: versions, who serves, going back."""

import asyncio
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from stream.kafka.snapshots import read_snapshots
from stream.model_decisions import decided, write_records
from stream.models import SnapshotStore
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
    _decide("promote", name, kind)


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
    _decide("rollback", name, version)


@models_app.command()
def release(name: Name) -> None:
    """Let the champion's newest version serve again, and the rule decide on champions.

    Example: leadstream models release p_convert
    """
    _decide("release", name, None)


def _decide(decision: str, name: str, chosen: str | None) -> None:
    settings = Settings()
    store = asyncio.run(read_store(settings))
    try:
        records, said = decided(store, decision, name, chosen, settings.checkpoint_interval_s)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    asyncio.run(write_records(settings, records))
    typer.echo(said)


async def read_store(settings: Settings) -> SnapshotStore:
    """Return all versions that are kept."""
    store = SnapshotStore()
    await read_snapshots(settings, store)
    return store
