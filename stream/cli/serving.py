"""What all commands do that run until they are told to end."""

import gc

import structlog

from stream.addresses import is_loopback
from stream.logs import configure_logs
from stream.settings import Settings

GC_THRESHOLDS = (50_000, 20, 100)


def serving_settings() -> Settings:
    """Return the settings of a process of its own, and prepare it."""
    settings = Settings()
    configure_logs(settings.log_level, settings.log_format)
    warn_of_development_keys(settings)
    collect_garbage_rarely()
    return settings


def collect_garbage_rarely() -> None:
    """Look for cycles seldom, and never in what is there already.

    What lives long holds no cycles: to look through all of it for some is time lost, and a pause
    in which every event waits.
    """
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def warn_of_development_keys(settings: Settings) -> None:
    """Say which secrets are those of the source code, where Kafka is shared with others."""
    brokers = (address.rpartition(":")[0] for address in settings.kafka_bootstrap.split(","))
    if all(is_loopback(host.strip()) for host in brokers):
        return
    for name in settings.development_keys():
        structlog.get_logger(__name__).warning(
            "a secret is the one that everybody can read in the source: set your own",
            setting=f"LEADSTREAM_{name.upper()}",
        )
