import codecs
import gzip
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from lead_stream import EMAIL_KEY, HOUSE, START_S, event

from stream.event_files import MAX_LINE_BYTES, EventFileError, read_lines
from stream.lead.outputs import Origin
from stream.lead.routing import MAX_VALUE_BYTES, Router

LINE = orjson.dumps(event("page_view", "e", lead_id="L"))
PEAK_BYTES = 160 << 20
"""What Python with leadstream's imports takes, and some; a sixth of the unpacked file."""


def file_of(tmp_path: Path, data: bytes, name: str = "events.jsonl") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_ends_of_lines_and_empty_lines_are_left_out(tmp_path):
    path = file_of(tmp_path, LINE + b"\r\n\n  \n " + LINE)
    assert list(read_lines(path)) == [LINE, LINE]


def test_a_mark_of_utf_8_is_left_out(tmp_path):
    assert list(read_lines(file_of(tmp_path, codecs.BOM_UTF8 + LINE))) == [LINE]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_another_encoding_is_named_with_the_remedy(tmp_path, encoding):
    path = file_of(tmp_path, LINE.decode().encode(encoding))
    with pytest.raises(EventFileError, match=rf"iconv -f {encoding.upper()} -t UTF-8 events.jsonl"):
        list(read_lines(path))


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_line_as_long_as_an_event_may_be_is_read_whole(tmp_path, ending):
    longest = b"x" * MAX_VALUE_BYTES
    assert list(read_lines(file_of(tmp_path, longest + ending + LINE))) == (
        [longest, LINE] if ending else [longest + LINE[:2]]
    )


def test_a_line_too_long_is_cut_refused_as_too_large_and_the_next_one_read(tmp_path):
    # What is left of it must not pass for an event.
    long = LINE + b" " * MAX_LINE_BYTES + LINE + b"\n"
    cut, following = read_lines(file_of(tmp_path, long + LINE))
    assert len(cut) == MAX_LINE_BYTES
    routed = Router(EMAIL_KEY, HOUSE.sealer).route(None, cut, Origin("page-views", 0, 0, START_S))
    assert routed.outcome == "too_large"
    assert following == LINE


def test_a_broken_gzip_says_after_how_many_lines(tmp_path):
    lines = b"".join(b'{"n":%d}\n' % n for n in range(1_000))
    whole = gzip.compress(lines)
    cut = file_of(tmp_path, whole[: len(whole) // 2], "cut.jsonl.gz")
    read = []
    with pytest.raises(EventFileError) as error:
        read += read_lines(cut)
    assert "broken gzip after" in str(error.value)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    with pytest.raises(EventFileError, match=r"broken gzip after \d+ lines"):
        list(read_lines(file_of(tmp_path, bytes(flipped), "flipped.jsonl.gz")))


def test_a_file_that_is_not_gzip_but_is_called_that_says_so(tmp_path):
    with pytest.raises(EventFileError, match=r"after 0 lines .* take \.gz off its name"):
        list(read_lines(file_of(tmp_path, LINE, "events.jsonl.gz")))


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_cannot_be_opened_is_named(tmp_path, name):
    with pytest.raises(EventFileError, match="give"):
        list(read_lines(tmp_path / name))


READ = """
import sys
from pathlib import Path
from stream.event_files import read_lines
print([len(line) for line in read_lines(Path(sys.argv[1]))])
# getrusage would tell the peak of the process that this one was forked from.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peak of memory")
def test_a_gigabyte_packed_into_one_line_takes_no_memory(tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    block = b"x" * (1 << 20)
    with gzip.open(path, "wb", compresslevel=9) as file:
        for _ in range(1 << 10):
            file.write(block)
        file.write(b"\n" + LINE)
    assert path.stat().st_size < 2 << 20

    ran = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip

    lengths, peak_bytes = ran.stdout.splitlines()
    assert lengths == str([MAX_LINE_BYTES, len(LINE)])
    assert int(peak_bytes) < PEAK_BYTES
