"""Settings say whether texts are read, and who the house's competitors are."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from stream.cli.main import main
from stream.settings import Settings, TextReaderMissingError

TEXT = "Today we have Foo & Co at our offices, and it does its work."
LANGUAGE_LIBRARIES = ("py3langid", "stopwordsiso", "vaderSentiment")


def intents(text: str = TEXT, **fields: object) -> frozenset[str]:
    reader = Settings(read_texts=True, **fields).text_reader()  # type: ignore[arg-type]
    assert reader is not None
    return reader.predict_one(text).intents


def test_by_default_nothing_is_read_and_nobody_is_a_competitor() -> None:
    assert Settings().competitors == ""
    assert Settings(competitors="Foo").text_reader() is None
    assert "competitor" not in intents()


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        (TEXT, True),
        ("Wir haben heute FOO & Co im Haus.", True),
        ("Is acme-crm dearer than this here?", True),
        ("Der Vertrag mit Salesforce läuft aus.", True),
        ("Today we have Food & Coal at our offices, and it does its work.", False),
    ],
)
def test_a_competitor_is_found_by_the_name_that_the_house_gave(
    text: str, is_named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADSTREAM_COMPETITORS", " Acme CRM,Foo & Co,, Salesforce ,")
    assert ("competitor" in intents(text)) is is_named


@pytest.mark.parametrize("name", ["!?", "_", "x" * 101])
def test_what_is_no_name_is_refused_in_one_line_with_the_setting(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValidationError, match="is no competitor's name"):
        Settings(competitors=f"Acme,{name}")
    monkeypatch.setenv("LEADSTREAM_COMPETITORS", f"Acme,{name}")
    monkeypatch.setattr("sys.argv", ["leadstream", "settings"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"leadstream: LEADSTREAM_COMPETITORS = 'Acme,{name}': '{name}' is no")
    assert "give it a letter or digit, and at most 100 characters" in line


def test_names_are_checked_where_nothing_that_reads_is_installed() -> None:
    missing = "".join(f"sys.modules[{name!r}] = None; " for name in LANGUAGE_LIBRARIES)
    program = "from stream.settings import Settings; print(Settings().competitors)"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {missing}{program}"],
        env=os.environ | {"LEADSTREAM_COMPETITORS": "Acme CRM,Foo"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "Acme CRM,Foo"


@pytest.mark.parametrize("command", [["evaluate"], ["report", "kpis"], ["causes"], ["refit"]])
def test_a_command_that_cannot_read_says_what_to_install(
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("LEADSTREAM_READ_TEXTS", "true")
    monkeypatch.setitem(sys.modules, "online_models.text_reader", None)
    with pytest.raises(TextReaderMissingError):
        Settings().text_reader()
    log = tmp_path / "events.jsonl"
    log.touch()
    monkeypatch.setattr("sys.argv", ["leadstream", *command, str(log)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("leadstream: LEADSTREAM_READ_TEXTS needs ")
    assert "pip install 'leadstream[language]'" in line
