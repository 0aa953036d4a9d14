"""All commands by name: what is known of one without importing it, and the rest when it is called.

The engine, River and SciPy take seconds to import; help, completion and most commands need none.
"""

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group


class Place(NamedTuple):
    """A command: the module of ``stream.cli`` that has it, and what it does, in one line."""

    module: str
    summary: str


PLACES = {
    "demo": Place("run", "See leads being scored live, in one command."),
    "worker": Place("run", "Run the agents against the configured Kafka."),
    "simulate": Place("run", "Send simulated leads into Kafka, or fit their world to a log."),
    "replay": Place("run", "Send a file of events into Kafka, in its order."),
    "import": Place("import_rows", "Send what a CRM exports as CSV into Kafka, by a map."),
    "collect": Place("collect", "Take events in over HTTP, as the Segment tracking API has them."),
    "pixel-url": Place("collect", "Print the address of a pixel that tells when a mail is opened."),
    "deliver": Place("webhooks", "Post scores and triggers to the endpoints of the webhooks file."),
    "webhooks": Place("webhooks", "Endpoints that are posted to: how they do, who answers."),
    "personalizer": Place("personalizer", "Rank over HTTP, learn of rewards, as Azure does."),
    "topics": Place("operate", "Create every topic that is missing, and verify the others."),
    "doctor": Place("doctor", "Look at all that a worker stands on, each line with a remedy."),
    "explain": Place("inspect", "Show a lead's score with its reasons, journey and decisions."),
    "erase": Place("operate", "Forget a lead: its state, and all that points at it."),
    "report": Place("reports", "Print a report: attribution, lifetime value, forecast and more."),
    "export": Place("export", "Write what has come since the last export as Parquet."),
    "evaluate": Place("inspect", "Score a file's events without Kafka, and judge the scores."),
    "models": Place("models", "Versions of the models: which serve, promotion, rollback."),
    "policy": Place("policies", "Policies, which choose what to do next with a lead."),
    "causes": Place("policies", "Tell what nurturing caused where there is no control group."),
    "refit": Place("policies", "Propose rule points and tier thresholds by what became of leads."),
    "dead-letters": Place("dead_letters", "Refused events: look at them, mend them, replay them."),
    "state": Place("state", "Stored lead states: check, migrate, repair, repartition."),
    "settings": Place("inspect", "Print the effective settings, secrets masked."),
    "schemas": Place("inspect", "Write a JSON Schema for every message, and AsyncAPI."),
    "bench": Place("bench", "Benchmarks on this machine."),
}


class Commands(TyperGroup):
    """All commands, each imported when it is called."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {
            name: TyperCommand(name, help=place.summary) for name, place in PLACES.items()
        }

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in PLACES else command, rest


def load(name: str) -> Any:
    """Import a command.

    Raises
    ------
    KeyError
        If there is none of this name.
    """
    commands = typer.Typer(name="leadstream")
    import_module(f"stream.cli.{PLACES[name].module}").register(commands)
    return get_group(commands).commands[name]
