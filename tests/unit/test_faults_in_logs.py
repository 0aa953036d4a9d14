"""Log lines say what went wrong and where, never with which values."""

import io
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog
from aiokafka.errors import KafkaConnectionError

from stream.lead.state import StateFormatError
from stream.logs import configure_logs, fault_of

MAIL = "jane@example.com"


@pytest.fixture(params=["console", "json"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    configure_logs("DEBUG", request.param)
    yield written
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def fail(mail: str) -> None:
    try:
        {}[mail]
    except KeyError as error:
        raise ValueError(f"could not convert {mail!r}") from error


@pytest.mark.parametrize("logger", [structlog.get_logger("ours"), logging.getLogger("theirs")])
def test_tracebacks_hold_places_and_no_values(lines: io.StringIO, logger: logging.Logger) -> None:
    try:
        fail(MAIL)
    except ValueError:
        logger.exception("cannot go on")
    text = lines.getvalue()
    assert "jane" not in text
    assert "cannot go on" in text
    assert "ValueError in fail" in text
    assert "KeyError in fail" in text
    assert "test_faults_in_logs.py" in text


@pytest.mark.timeout(20)
def test_an_error_that_is_its_own_cause_is_told_once(lines: io.StringIO) -> None:
    first, second = ValueError("a"), TypeError("b")
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("theirs").error("round in circles", exc_info=first)
    assert lines.getvalue().count("ValueError") == 1


def test_faults_of_the_machinery_are_told_whole() -> None:
    for error in (
        KafkaConnectionError("no broker at kafka:9092"),
        OSError(28, "No space left on device"),
        StateFormatError("run `leadstream state repair`"),
    ):
        assert str(error) in fault_of(error)
    assert fault_of(UnicodeEncodeError("ascii", "jäne@example.com", 1, 2, "no")) == (
        "UnicodeEncodeError"
    )
