"""The tutorial does what it says: its commands are run, in its order, and print what it shows."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from worker_process import own_settings

from stream.kafka.brokers.broker import Broker

TUTORIAL = Path(__file__).parents[2] / "deploy" / "guide" / "tutorial.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST_S = 150.0
MARK = "--- a block ends ---"
pytestmark = [pytest.mark.kafka, pytest.mark.transactions, pytest.mark.timeout(220)]


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
    """Run a script in bash, and return what it printed; nothing that it started outlives it."""
    out, err, log = folder / "out", folder / "err", folder / "worker.log"
    with out.open("w") as to, err.open("w") as complaints:
        process = subprocess.Popen(
            ["bash", "-e", "-c", script],
            cwd=folder,
            env={**os.environ, **variables},
            stdout=to,
            stderr=complaints,
            start_new_session=True,
        )
        with suppress(subprocess.TimeoutExpired):
            process.wait(LONGEST_S)
        code = process.poll()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    worker = log.read_text()[-2_000:] if log.exists() else ""
    assert code == 0, f"{code=}\n{out.read_text()}\n{err.read_text()}\n{worker}"
    return out.read_text()


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
    script = "".join(f"{commands}\necho '{MARK}'\n" for commands, _ in told)
    said = run(script, tmp_path, variables).split(f"{MARK}\n")
    assert len(said) == len(told) + 1
    for (commands, shown), printed in zip(told, said, strict=False):
        assert re.fullmatch(pattern(shown), printed, re.DOTALL), f"{commands}\nprinted {printed}"
