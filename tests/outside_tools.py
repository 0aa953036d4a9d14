"""Tools that tests start and leadstream does not need: where this machine has them."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

from stream.kafka.brokers.distribution import cache_dir


def tool(name: str, folder: str, remedy: str) -> Path:
    """Return where a tool is; without it the test is skipped, in CI it fails.

    Parameters
    ----------
    folder
        Where ``.ci/run`` puts it, below the cache.
    """
    places = os.pathsep.join([os.environ.get("PATH", ""), str(cache_dir() / folder)])
    found = shutil.which(name, path=places)
    if found is None:
        skip_outside_ci(f"there is no {name}: {remedy}")
    return Path(found)


def skip_outside_ci(reason: str) -> NoReturn:
    """Skip the test; in CI, fail it."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"in CI no test may be skipped: {reason}")
    pytest.skip(reason)


def prometheus_tool(name: str) -> Path:
    """Return where ``prometheus`` or ``promtool`` is."""
    return tool(
        name, "prometheus/usr/bin", "apt-get install prometheus, or its release in the PATH"
    )
