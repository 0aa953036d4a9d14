"""The command line as a whole: every command is listed, found, and imported only when called."""

import os
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.main import get_group
from typer.testing import CliRunner

from stream.cli.commands import PLACES
from stream.cli.main import app

HEAVY = {"faust", "river", "scipy", "sklearn", "pandas", "aiokafka", "aiohttp"}


def imported(statement: str) -> set[str]:
    """Return which heavy packages a fresh interpreter has after a statement."""
    code = f"import sys; {statement}; print(*(name for name in sys.modules if '.' not in name))"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("LEADSTREAM_")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=clean
    )
    return HEAVY.intersection(done.stdout.split())


def test_every_command_of_a_module_is_listed_with_what_it_does():
    for module in {place.module for place in PLACES.values()}:
        commands = typer.Typer()
        import_module(f"stream.cli.{module}").register(commands)
        listed = {name for name, place in PLACES.items() if place.module == module}
        assert set(get_group(commands).commands) == listed
    shown = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "160"}).stdout
    for name, place in PLACES.items():
        assert f"│ {name} " in shown
        assert place.summary in shown


def test_a_misspelt_command_is_told_with_the_nearest():
    shown = CliRunner().invoke(app, ["wurker"])
    assert shown.exit_code == 2
    assert "Did you mean 'worker'?" in shown.output


@pytest.mark.parametrize(
    ("statement", "needed"),
    [
        ("import stream.cli.main", set()),
        ("import stream.cli.collect", {"aiohttp", "aiokafka", "scipy"}),
        ("import stream.cli.webhooks", {"aiohttp", "aiokafka", "scipy"}),
    ],
)
def test_help_needs_no_engine_and_processes_without_models_none_either(statement, needed):
    assert imported(statement) == needed


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_matrices_are_multiplied_by_one_thread():
    code = "import stream, numpy, os; numpy.ones((500, 500)) @ numpy.ones((500, 500))"
    counted = f"{code}; print(len(os.listdir('/proc/self/task')))"
    clean = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-c", counted], capture_output=True, text=True, check=True, env=clean
    )
    assert done.stdout.strip() == "1"
