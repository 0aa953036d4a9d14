"""The command that takes events in over HTTP."""

import sys

import typer

from stream.cli.run import collect_garbage_rarely, warn_of_development_keys
from stream.collector.process import CollectorProcess
from stream.kafka import event_loop
from stream.logs import configure_logs
from stream.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(collect)


def collect() -> None:
    """Take events in over HTTP, as the Segment tracking API has them, until SIGTERM or Ctrl-C.

    Example: LEADSTREAM_WRITE_KEYS=$(openssl rand -hex 16) leadstream collect
    """
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    warn_of_development_keys(settings)
    collect_garbage_rarely()

    def started(url: str, metrics_url: str) -> None:
        print(
            f"leadstream collect takes events at {url}; metrics at {metrics_url}/metrics",
            file=sys.stderr,
        )

    event_loop.run(CollectorProcess(settings).run(started))
