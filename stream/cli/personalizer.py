"""The command that ranks over HTTP."""

import sys

import typer

from stream.cli.serving import serving_settings
from stream.kafka import event_loop
from stream.personalizer.process import PersonalizerProcess


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(personalizer)


def personalizer() -> None:
    """Rank actions and learn from rewards over HTTP, as Azure Personalizer does, until SIGTERM.

    Example: LEADSTREAM_PERSONALIZER_KEYS=$(openssl rand -hex 16) leadstream personalizer
    """
    settings = serving_settings()

    def started(url: str, metrics_url: str, learned: int) -> None:
        print(
            f"leadstream personalizer, {learned} rewards learned, ranks at {url}; metrics at "
            f"{metrics_url}/metrics",
            file=sys.stderr,
        )

    event_loop.run(PersonalizerProcess(settings).run(started))
