"""No code comes from data, and no secret from an argument."""

import ast
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

import online_models
import schemas
import stream
from stream.cli.commands import PLACES, load
from stream.settings import Settings

PACKAGES = [Path(str(package.__file__)).parent for package in (online_models, schemas, stream)]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))

# Each of these turns bytes into objects of any class, or into code.
LOADERS = {
    *("pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("code", "codeop", "runpy", "yaml"),
}
CALLS = {"eval", "exec", "compile", "__import__"}
CHECKS_WHAT_IT_SETS = "river_compiled.py"
"""Sets the state of one compiled type, numbers that it has looked at byte by byte before."""
DANGEROUS = {"os.system", "os.popen", "importlib.import_module", "numpy.load", "np.load"}


def faults(source: str) -> Iterator[str]:
    """Yield what could run data as code, with its line."""
    # Python 3.11 miscounts its depth where a collector's callback runs while it parses.
    gc.disable()
    try:
        tree = ast.parse(source)
    finally:
        gc.enable()
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        for name in names:
            if name.partition(".")[0] in LOADERS:
                yield f"line {line}: imports {name}"
        if isinstance(node, ast.Name) and node.id in CALLS:
            yield f"line {line}: {node.id}"
        if isinstance(node, ast.Attribute) and ast.unparse(node) in DANGEROUS:
            yield f"line {line}: {ast.unparse(node)}"
        if isinstance(node, ast.Attribute) and node.attr in {"__reduce__", "__setstate__"}:
            yield f"line {line}: {node.attr}"
        if isinstance(node, ast.keyword) and ast.unparse(node).startswith("shell="):
            yield f"line {node.value.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: "/".join(path.parts[-3:]))
def test_no_module_can_run_data_as_code(path: Path) -> None:
    found = list(faults(path.read_text(encoding="utf-8")))
    if path.name == CHECKS_WHAT_IT_SETS:
        found = [fault for fault in found if not fault.endswith(": __setstate__")]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "import os, marshal as m",
        "from shelve import open",
        "from yaml import load",
        "def f(x):\n    return eval(x)",
        "run = exec",
        "__import__(name)",
        "import importlib\nimportlib.import_module(name)",
        "import subprocess\nsubprocess.run(command, shell=True)",
        "import subprocess\nsubprocess.run(command, shell=chosen)",
        "import os\nos.system(command)",
    ],
)
def test_what_would_be_found(source: str) -> None:
    assert list(faults(source))


def parameters() -> Iterator[tuple[str, str]]:
    """Yield each command with each of its parameters."""
    waiting = [(f"leadstream {name}", load(name)) for name in PLACES]
    while waiting:
        name, command = waiting.pop()
        waiting += [(f"{name} {n}", c) for n, c in getattr(command, "commands", {}).items()]
        for parameter in command.params:
            for option in (parameter.name or "", *parameter.opts):
                yield name, option.lstrip("-").replace("-", "_")


def test_no_command_takes_a_secret_as_an_argument() -> None:
    # Arguments stand in process lists and shell histories.
    found = list(parameters())
    assert ("leadstream worker", "roles") in found
    secrets = {n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)}
    words = ("password", "secret", "token", "api_key", "private", "credential")
    for command, parameter in found:
        assert parameter not in secrets, command
        assert not any(word in parameter for word in words), f"{command} --{parameter}"
        assert parameter != "key", command
