"""Gauges of figures that may not be known yet, and that are taken back when others tell them."""

import contextlib

from prometheus_client import Gauge


def show(gauge: Gauge, value: float | None, *labels: str) -> None:
    """Set a gauge; what is not known leaves it as it is."""
    if value is not None:
        gauge.labels(*labels).set(value)


def remove(gauge: Gauge, *labels: str) -> None:
    """Take a gauge back, whether or not it was ever set."""
    with contextlib.suppress(KeyError):
        gauge.remove(*labels)
