"""The command export where what it needs is not installed."""

import importlib.util
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream.cli import export
from stream.cli.main import app


def test_without_pyarrow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        export, "find_spec", lambda name: None if name == "pyarrow" else found(name)
    )
    done = CliRunner().invoke(app, ["export", str(tmp_path / "folder")])
    assert done.exit_code == 2
    assert done.output.splitlines() == [
        "leadstream: export needs pyarrow: pip install 'leadstream[warehouse]'"
    ]
    assert not (tmp_path / "folder").exists()
