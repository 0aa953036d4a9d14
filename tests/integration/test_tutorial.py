"""The tutorial does what it says: its commands are run, in its order, and print what it shows."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from worker_process import own_settings

from stream.kafka.brokers.broker import Broker

TUTORIAL = Path(__file__).parents[2] / "deploy" / "guide" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_S = 120.0
MARK = "--- a block ends ---"
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(180)]


def blocks() -> list[tuple[str, str]]:
    """Return each block of commands with what it is to print."""
    found: list[tuple[str, str]] = []
    for kind, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind == "sh":
            found.append((text, ""))
        else:
            found[-1] = (found[-1][0], text)
    return found


def pattern(shown: str) -> str:
    return r".*".join(re.escape(part) for part in shown.split("…"))


def run(script: str, folder: Path, variables: dict[str, str]) -> str:
    """Run a script in bash with all that it starts, and return what it printed."""
    with (folder / "out").open("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen(
            ["bash", "-e", "-m", "-c", script],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=out,
            stderr=err,
        )
        try:
            process.wait(LONGEST_S)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(10)
        out.seek(0)
        err.seek(0)
        said = out.read()
        log = folder / "worker.log"
        told = log.read_text()[-2_000:] if log.exists() else ""
        assert process.returncode == 0, f"{said}\n{err.read()}\n{told}"
        return said


def test_its_commands_print_what_it_shows(kafka: Broker, tmp_path: Path) -> None:
    settings = own_settings(kafka)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "leadstream").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stream "$@"\n')
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    variables = {
        **settings.environment(),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(TUTORIAL.parents[2]),
    }
    told = blocks()
    # Whatever fails, the worker that it started is not left behind.
    start = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT TERM\n"
    script = start + "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in told)
    said = run(script, tmp_path, variables).split(f"{MARK}\n")
    assert len(said) == len(told) + 1
    for (commands, shown), printed in zip(told, said, strict=False):
        assert re.fullmatch(pattern(shown), printed, re.DOTALL), f"{commands}\nprinted {printed}"
