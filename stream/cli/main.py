"""The commands, and what happens when one fails: one line on standard error, exit code 1."""

import difflib
import logging
import os
import sys
from collections.abc import Iterable

import typer
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr, ValidationError

from stream.bench.harness import BenchError
from stream.cli import (
    bench,
    collect,
    dead_letters,
    doctor,
    export,
    inspect,
    models,
    operate,
    policies,
    reports,
    run,
    state,
    webhooks,
)
from stream.collector.process import CollectorError
from stream.collector.webhooks import WebhookKeyError
from stream.dead_letters import DeadLetterError
from stream.event_files import EventFileError
from stream.kafka.administration import TopicError
from stream.kafka.authorization import DENIED, RightsError, denial
from stream.kafka.brokers.broker import BrokerError
from stream.kafka.feeder import FeedError
from stream.lead.sealing import SealError
from stream.lead.state import StateFormatError
from stream.lead.toml_files import TomlFileError
from stream.merge_patch import PatchError
from stream.policy_log import PolicyLogError
from stream.repartition import RepartitionError
from stream.rules_file import RulesChangedError
from stream.settings import SECRETS_DIR, Settings, TextReaderMissingError
from stream.warehouse_folder import WarehouseError
from stream.webhooks.process import DelivererError

app = typer.Typer(
    name="leadstream",
    help="Scores sales leads while they act: Kafka in, calibrated and explained scores out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
run.register(app)
collect.register(app)
operate.register(app)
models.register(app)
inspect.register(app)
policies.register(app)
reports.register(app)
export.register(app)
state.register(app)
bench.register(app)
dead_letters.register(app)
doctor.register(app, lambda: unknown_settings(os.environ))
webhooks.register(app)

_EXPECTED = (
    BenchError,
    BrokerError,
    CollectorError,
    DeadLetterError,
    DelivererError,
    EventFileError,
    FeedError,
    PatchError,
    PolicyLogError,
    RepartitionError,
    RightsError,
    RulesChangedError,
    SealError,
    StateFormatError,
    TextReaderMissingError,
    TomlFileError,
    TopicError,
    WarehouseError,
    WebhookKeyError,
)


_KNOWN = frozenset({SECRETS_DIR, *(f"LEADSTREAM_{name.upper()}" for name in Settings.model_fields)})


def main() -> None:
    """Run a command."""
    # Where no command sets up logs, what goes wrong is said once, by the line below.
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    for name in unknown_settings(os.environ):
        near = difflib.get_close_matches(name, _KNOWN, n=1)
        hint = f"; did you mean {near[0]}?" if near else "; `leadstream settings` lists all"
        print(f"leadstream: {name} is no setting{hint}", file=sys.stderr)
    try:
        app()
    except _EXPECTED as error:
        _fail(str(error))
    except KafkaConnectionError as error:
        _fail(f"Kafka does not answer ({error}); check LEADSTREAM_KAFKA_BOOTSTRAP")
    except DENIED as error:
        _fail(denial(error))
    except KafkaError as error:
        told = f": {error}" if str(error) else ""
        _fail(
            f"Kafka did not do it ({type(error).__name__}{told}); once it is well, run this again"
        )
    except ValidationError as error:
        first = error.errors()[0]
        field = "_".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        known = Settings.model_fields.get(field)
        is_secret = known is not None and known.annotation is SecretStr
        given = "**********" if is_secret else repr(first["input"])
        prefix = f"LEADSTREAM_{field.upper()} = {given}: " if field else ""
        _fail(f"{prefix}{message}; `leadstream settings` lists all settings")


def unknown_settings(environment: Iterable[str]) -> list[str]:
    """Return the variables that look like settings and are none.

    >>> unknown_settings(["LEADSTREAM_HOTAT", "LEADSTREAM_HOT_AT", "PATH"])
    ['LEADSTREAM_HOTAT']
    """
    return sorted(v for v in environment if v.startswith("LEADSTREAM_") and v not in _KNOWN)


def _fail(message: str) -> None:
    # Clients that never got a connection, or were shut out, complain of what nobody asked them.
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    print(f"leadstream: {message}", file=sys.stderr)
    raise SystemExit(1)
