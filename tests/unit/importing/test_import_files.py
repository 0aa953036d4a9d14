"""CSV files as they come, and the command from file to summary, without Kafka."""

import csv
import tracemalloc
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stream.cli.main import app
from stream.importing.csv_files import MAX_LINE_BYTES, CsvFile, CsvFileError
from stream.importing.importing import Ledger, Rejects, import_rows
from stream.importing.loading import checker, load_map
from stream.importing.rows import RowEvent, RowMapper
from stream.settings import Settings

HEADER = "Record ID,Deal Stage,Amount,Close Date,Last Modified Date,Associated Contact"
WON = '1,Closed won,"1,000.00",2026-03-09,2026-03-09,jane@example.com'
BAD = "2,Closed won,twelve,2026-03-09,2026-03-09,joe@example.com"
EVENT_CLOCK = {"LEADSTREAM_CLOCK": "event"}


class Sent:
    """A sink that remembers; it settles as Kafka would."""

    def __init__(self) -> None:
        self.events: list[RowEvent] = []
        self.settled = 0

    async def send(self, event: RowEvent) -> None:
        self.events.append(event)

    async def settle(self) -> None:
        self.settled = len(self.events)


def written(folder: Path, *lines: str, name: str = "deals.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def opened(path: Path, delimiter: str | None = None) -> CsvFile:
    return CsvFile(path, HEADER.split(","), delimiter)


def mapped(file: CsvFile) -> RowMapper:
    return RowMapper(load_map("hubspot"), file.columns, checker(Settings(), 1.8e9))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_mark_and_line_ends_are_found(tmp_path, delimiter, mark, end):
    lines = [HEADER.replace(",", delimiter), f'1{delimiter}"a, b; c\n d"' + 4 * delimiter, "", "x"]
    path = tmp_path / "x.csv"
    path.write_bytes((mark + end.join(lines)).encode())
    file = opened(path)
    assert file.columns == HEADER.split(",")
    assert list(file.rows()) == [(2, ["1", "a, b; c\n d", "", "", "", ""]), (4, ["x"])]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty; give a CSV file"),
        (HEADER.encode("utf-16"), "is UTF-16; export it as UTF-8"),
        (HEADER.encode() + b"\n1,\xe4", "row 2: not UTF-8; .*iconv -f WINDOWS-1252"),
        (HEADER.encode() + b'\n1,"open', "row 2: no CSV .*close its quotes"),
        (HEADER.encode() + b"\n" + b"x" * MAX_LINE_BYTES, "row 2: no CSV .a line of 4194304"),
        (HEADER.encode() + b'\n1,"' + b"x\n" * 100_000, "row 2: no CSV .field larger"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_what_to_do(tmp_path, content, told):
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(CsvFileError, match=told):
        list(opened(path).rows())


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CsvFileError, match="no such file"):
        opened(tmp_path / "none.csv")
    with pytest.raises(CsvFileError, match="directory; give a file"):
        opened(tmp_path)


def test_a_large_file_takes_no_more_memory_than_a_small_one(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("w") as file:
        file.write(HEADER + "\n")
        file.writelines(f"{n},{'x' * 200},,,,\n" for n in range(50_000))
    large = opened(path)
    tracemalloc.start()
    try:
        assert sum(1 for _ in large.rows()) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


async def test_bad_rows_are_set_aside_with_all_their_cells_and_can_be_mended(tmp_path):
    sent, file = (
        Sent(),
        opened(written(tmp_path, HEADER, WON, BAD, BAD + ",beyond", "3,Closed won")),
    )
    aside = Rejects(tmp_path / "bad.csv", file)
    done = await import_rows(file, mapped(file), aside, Ledger(None), sent)
    assert (done.rows, done.rejected, dict(done.events)) == (4, 3, {"outcome": 1})
    assert [number for number, _ in done.faults] == [3, 4, 5]
    assert sent.settled == 1
    with (tmp_path / "bad.csv").open(newline="") as rejected:
        header, *rows = csv.reader(rejected)
    assert header == [*HEADER.split(","), "import_row", "import_reason"]
    assert rows[0][:7] == [*BAD.split(","), "3"]
    assert "no amount" in rows[0][7]
    assert rows[1][-1] == "beyond"
    assert rows[2][:2] == ["3", "Closed won"]

    mended = (tmp_path / "bad.csv").read_text().replace("twelve", "12").splitlines()[:2]
    again = opened(written(tmp_path, *mended, name="mended.csv"))
    assert list(again.columns) == header
    aside = Rejects(tmp_path / "none.csv", again)
    done = await import_rows(again, mapped(again), aside, Ledger(None), sent)
    assert (done.rejected, sent.events[-1].event["value_minor"]) == (0, 1_200)
    assert not aside.is_written
    assert not (tmp_path / "none.csv").exists()


async def test_what_the_ledger_has_is_left_out_and_what_changed_is_sent(tmp_path):
    ledger = tmp_path / "ledger"

    async def imported(*lines: str) -> tuple[int, int]:
        sent, file = Sent(), opened(written(tmp_path, HEADER, *lines))
        done = await import_rows(file, mapped(file), Rejects(None, file), Ledger(ledger), sent)
        return len(sent.events), done.known_before

    assert await imported(WON) == (1, 0)
    assert await imported(WON) == (0, 1)
    assert await imported(WON.replace("1,000", "2,000"), WON) == (1, 1)
    assert len(ledger.read_text().splitlines()) == 2


async def test_the_ledger_holds_only_what_was_acknowledged(tmp_path):
    class Broken(Sent):
        async def settle(self) -> None:
            raise OSError("no Kafka")

    file, ledger = opened(written(tmp_path, HEADER, WON)), tmp_path / "ledger"
    with pytest.raises(OSError, match="no Kafka"):
        await import_rows(file, mapped(file), Rejects(None, file), Ledger(ledger), Broken())
    assert not ledger.exists()


async def test_a_file_that_breaks_off_says_how_far_it_was_sent(tmp_path):
    path = written(tmp_path, HEADER, WON)
    path.write_bytes(path.read_bytes() + b"\xff")
    sent, file = Sent(), opened(path)
    with pytest.raises(CsvFileError, match=r"row 3: not UTF-8.*1 rows before it are done"):
        await import_rows(file, mapped(file), Rejects(None, file), Ledger(None), sent)
    assert sent.settled == 1


def test_a_dry_run_shows_events_and_faults_and_writes_nothing(tmp_path):
    path, ledger = written(tmp_path, HEADER, WON, BAD), tmp_path / "ledger"
    arguments = ["import", str(path), "--map", "hubspot", "--dry-run", "--ledger", str(ledger)]
    done = CliRunner().invoke(app, arguments, env=EVENT_CLOCK)
    assert done.exit_code == 1
    first, summary = done.stdout.splitlines()
    assert orjson.loads(first)["value_minor"] == 100_000
    assert summary == "2 rows, 1 events would be sent: 1 outcome"
    fault, rest = done.stderr.splitlines()
    assert fault.startswith(f"leadstream: {path}, row 3: column 'Amount' = 'twelve': no amount")
    assert rest.startswith("leadstream: 1 bad rows; without --dry-run they are set aside")
    assert list(tmp_path.iterdir()) == [path]


def test_a_dry_run_reports_in_json(tmp_path):
    path = written(tmp_path, HEADER, WON, WON.replace("Closed won", "Other"))
    done = CliRunner().invoke(
        app, ["import", str(path), "--map", "hubspot", "--dry-run", "--json"], env=EVENT_CLOCK
    )
    assert done.exit_code == 0, done.output
    report = orjson.loads(done.stdout)
    assert (report["rows"], report["rows_without_event"]) == (2, 1)
    assert report["events"] == {"outcome": 1}
    assert report["rejects"] is None


async def test_a_file_of_rejects_is_never_written_over(tmp_path):
    file = opened(written(tmp_path, HEADER, BAD))
    taken = tmp_path / "bad.csv"
    taken.write_text("half mended")
    with pytest.raises(CsvFileError, match=r"bad\.csv: is there already; mend and import it"):
        await import_rows(file, mapped(file), Rejects(taken, file), Ledger(None), Sent())
    assert taken.read_text() == "half mended"
