"""Finds a Java that can run Kafka, and Maven, or says what to install."""

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from stream.kafka.brokers.broker import BrokerError

OLDEST_JAVA = 17


class Java(NamedTuple):
    """A Java runtime: its command and its full version."""

    command: str
    version: str


@cache
def find_java() -> Java:
    """Find `java` in ``JAVA_HOME`` or on the path.

    Raises
    ------
    BrokerError
        When there is none, or only one that is older than Kafka needs.
    """
    remedy = f"install Java {OLDEST_JAVA} or newer and put it on PATH, or set JAVA_HOME to it"
    home = os.environ.get("JAVA_HOME")
    command = str(Path(home) / "bin" / "java") if home else "java"
    found = shutil.which(command)
    if found is None:
        raise BrokerError(f"the jvm broker found no java ({command}): {remedy}")
    answer = subprocess.run(  # noqa: S603 - the user's own java
        [found, "-version"], capture_output=True, text=True, check=False
    )
    match = re.search(r'version "((\d+)[^"]*)"', answer.stderr)
    if match is None or int(match[2]) < OLDEST_JAVA:
        said = match[1] if match else answer.stderr.strip()[:200]
        raise BrokerError(f"the jvm broker found {found} {said}, Kafka needs more: {remedy}")
    return Java(found, match[1])


def find_tool(name: str, purpose: str, remedy: str) -> str:
    """Find another command on the path, or raise with what to do."""
    found = shutil.which(name)
    if found is None:
        raise BrokerError(f"{name} is not on PATH; it {purpose}: {remedy}")
    return found
