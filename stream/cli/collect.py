"""Commands that take events in over HTTP."""

import sys
from typing import Annotated

import typer

from stream.cli.serving import serving_settings
from stream.collector.pixel import pixel_path
from stream.collector.process import CollectorError, CollectorProcess
from stream.kafka import event_loop
from stream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(collect)
    app.command("pixel-url")(pixel_url)


def collect() -> None:
    """Take events in over HTTP, as the Segment tracking API has them, until SIGTERM or Ctrl-C.

    Example: LEADSTREAM_WRITE_KEYS=$(openssl rand -hex 16) leadstream collect
    """
    settings = serving_settings()

    def started(url: str, metrics_url: str) -> None:
        print(
            f"leadstream collect takes events at {url}; metrics at {metrics_url}/metrics",
            file=sys.stderr,
        )

    event_loop.run(CollectorProcess(settings).run(started))


def pixel_url(
    base: Annotated[str, typer.Argument(help="Where mails reach the collector.")],
    lead_id: Annotated[str, typer.Argument(help="Whom the mail goes to.")],
    message_id: Annotated[str, typer.Option(help="Which mail it is.")] = "",
    campaign_id: Annotated[str, typer.Option(help="Which campaign it is of.")] = "",
) -> None:
    """Print the address of a pixel that tells when one lead opens one mail.

    Example: leadstream pixel-url https://collect.example.com lead-1 --message-id m-1
    """
    key = Settings().pixel_key.get_secret_value()
    if not key:
        raise CollectorError(
            "LEADSTREAM_PIXEL_KEY is empty, so nothing can be signed; set it here and for "
            "`leadstream collect`, like the output of `openssl rand -hex 32`"
        )
    typer.echo(base.rstrip("/") + pixel_path(key.encode(), lead_id, message_id, campaign_id))
