"""A wrong call is told in one line; exit codes are what README says; shells complete commands."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from stream.cli.progress import shown_lines, shown_progress
from stream.exit_codes import ExitCode

main = import_module("stream.cli.main")  # the package has a function of that name


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["leadstream", *arguments])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert isinstance(end.value.code, int)
    return int(end.value.code)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["simulate", "--seed", "x"], ["'--seed'", "'x'", "leadstream simulate --help"]),
        (["simulate", "--seed=x"], ["'--seed'", "'x'"]),
        (["simulate", "--rate", "-1"], ["'--rate'", "'-1'"]),
        (["simulat"], ["'simulat'", "Did you mean 'simulate'?", "`leadstream --help`"]),
        (["simulate", "--evens", "3"], ["--evens"]),
        (["evaluate"], ["file", "`leadstream evaluate --help`"]),
        (["evaluate", "f", "--models", "zz"], ["--models: 'zz'", "known are bayesian_logistic"]),
        (["models", "promote"], ["`leadstream models promote --help`"]),
        (["import", "f.csv"], ["--map", "`leadstream import --help`"]),
    ],
)
def test_a_wrong_call_is_one_line_and_2(arguments, told, monkeypatch, capsys):
    assert ended(monkeypatch, *arguments) == ExitCode.CALLED_WRONGLY
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("leadstream: ")
    for word in told:
        assert word.casefold() in line.casefold()


def test_without_arguments_help_is_shown_and_nothing_is_told(monkeypatch, capsys):
    assert ended(monkeypatch) == ExitCode.CALLED_WRONGLY
    shown = capsys.readouterr()
    assert "simulate" in shown.out
    assert shown.err == ""


def test_what_is_done_is_0_and_what_fails_1(monkeypatch, capsys, tmp_path):
    assert ended(monkeypatch, "settings", "--json") == ExitCode.DONE
    assert ended(monkeypatch, "evaluate", str(tmp_path / "none.jsonl")) == ExitCode.FAILED
    assert "no such file" in capsys.readouterr().err


def test_ctrl_c_is_130(monkeypatch):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stream.cli.inspect.Evaluation", interrupted)
    assert ended(monkeypatch, "evaluate", "f") == ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("words", "place", "found"),
    [
        ("leadstream dead-l", 1, "dead-letters"),
        ("leadstream dead-letters re", 2, "replay"),
        ("leadstream import --dr", 2, "--dry-run"),
    ],
)
def test_a_shell_completes_commands_and_options(words, place, found):
    variables = {"COMP_WORDS": words, "COMP_CWORD": str(place)}
    done = subprocess.run(
        [sys.executable, "-m", "stream"],
        env={**os.environ, **variables, "_LEADSTREAM_COMPLETE": "complete_bash"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert found in done.stdout.splitlines()


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_completion_is_shown_and_installed_for_the_shell_that_asks(option: str, tmp_path: Path):
    env = {**os.environ, "HOME": str(tmp_path)}
    # The command after it keeps bash from becoming the command, so that it is the asking shell.
    script = f"'{sys.executable}' -m stream {option}; exit $?"
    done = subprocess.run(
        ["bash", "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    if option == "--show-completion":
        assert "complete -o default -F _leadstream_completion leadstream" in done.stdout
    else:
        (installed,) = tmp_path.rglob("leadstream.sh")
        assert "_LEADSTREAM_COMPLETE=complete_bash" in installed.read_text()


def test_progress_is_shown_on_a_terminal_only(monkeypatch, capsys, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"{}\n" * 3)

    def shown() -> str:
        with shown_lines("evaluate", file) as lines:
            assert list(lines) == [b"{}"] * 3
        with shown_progress("export"):
            pass
        return capsys.readouterr().err

    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)
    assert shown() == ""
    monkeypatch.setenv("FORCE_COLOR", "1")
    told = shown()
    assert "evaluate" in told
    assert "bytes" in told
    assert "export" in told
