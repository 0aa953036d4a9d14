"""Delivering to webhooks, and the commands around it: list, test, enable."""

import asyncio
import sys
import time
from typing import Annotated, Any
from uuid import uuid4

import orjson
import typer

from stream.cli.serving import serving_settings
from stream.kafka import event_loop
from stream.settings import Settings
from stream.webhooks.checks import enable_endpoint, endpoints_with_standing, sent_test
from stream.webhooks.process import DelivererProcess

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The endpoint's name in the webhooks file.")]

webhooks_app = typer.Typer(
    help="The endpoints of LEADSTREAM_WEBHOOKS_FILE: how they do, and whether they answer.\n\n"
    "Example: leadstream webhooks list",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(deliver)
    app.add_typer(webhooks_app, name="webhooks")


def deliver() -> None:
    """Post scores and triggers to the endpoints of the webhooks file until SIGTERM or Ctrl-C.

    Example: LEADSTREAM_WEBHOOKS_FILE=webhooks.toml leadstream deliver
    """
    settings = serving_settings()

    def started(metrics_url: str, names: list[str]) -> None:
        print(
            f"leadstream deliver posts to {', '.join(names)}; metrics at {metrics_url}/metrics",
            file=sys.stderr,
        )

    event_loop.run(DelivererProcess(settings).run(started))


@webhooks_app.command(name="list")
def list_webhooks(json: Json = False) -> None:
    """Show each endpoint: where it is, what it is sent, whether it is disabled, what waits.

    Example: leadstream webhooks list --json
    """
    found = asyncio.run(endpoints_with_standing(Settings(), time.time()))
    if json:
        _print(found)
        return
    for endpoint in found:
        since = endpoint["disabled_since"]
        typer.echo(f"{endpoint['name']}  {endpoint['url']}")
        typer.echo(f"  messages  {', '.join(endpoint['messages'])}")
        typer.echo(f"  standing  {f'disabled since {since}' if since else 'enabled'}")
        waiting = f"{endpoint['waiting']} to be tried again, at most {endpoint['behind']} not read"
        oldest_s = endpoint["oldest_waiting_s"]
        age = "" if oldest_s is None else f"; the oldest for {oldest_s:.0f} s"
        typer.echo(f"  waiting   {waiting}{age}")
        if endpoint["last_failure"]:
            typer.echo(f"  failure   {endpoint['last_failure']}")


@webhooks_app.command(name="test")
def try_out(name: Name, json: Json = False) -> None:
    """Post one signed message of the type webhook_test, and say what was answered.

    Exit code 1 if it was not taken.

    Example: leadstream webhooks test crm
    """
    answer, elapsed_s = asyncio.run(sent_test(Settings(), name, uuid4().hex, time.time()))
    if json:
        _print({"taken": answer.is_taken, "answer": answer.words, "elapsed_s": elapsed_s})
    elif answer.is_taken:
        typer.echo(f"taken: {answer.words} after {elapsed_s:.2f} s")
    if not answer.is_taken:
        typer.echo(
            f"leadstream: webhook {name!r} has not taken it: {answer.words}; look at the "
            "receiver's log, its address and its secret",
            err=True,
        )
        raise typer.Exit(1)


@webhooks_app.command()
def enable(name: Name) -> None:
    """Send to an endpoint again that has answered 410; what waited for it follows.

    Example: leadstream webhooks enable crm
    """
    was_disabled = asyncio.run(enable_endpoint(Settings(), name))
    typer.echo(f"{name}: enabled" if was_disabled else f"{name}: was not disabled")


def _print(report: Any) -> None:
    typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
