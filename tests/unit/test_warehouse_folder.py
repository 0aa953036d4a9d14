"""The folder of an export: one writer, steps taken whole, and nothing that escapes it."""

from pathlib import Path

import pytest

from stream.warehouse_folder import Progress, WarehouseError, WarehouseFolder

FILE = "lead_scores/day=2026-03-01/part-0.parquet"


def step(folder: WarehouseFolder, next_offset: int, content: bytes = b"rows") -> None:
    progress = folder.progress("lead-scores", "x-lead-scores")
    progress.next_offsets[0] = next_offset
    progress.files = [FILE]
    folder.aside(FILE).write_bytes(content)
    folder.step("lead-scores", progress)


def test_a_step_is_there_with_its_progress(tmp_path: Path) -> None:
    with WarehouseFolder(tmp_path) as folder:
        step(folder, 7)
    assert (tmp_path / FILE).read_bytes() == b"rows"
    with WarehouseFolder(tmp_path) as folder:
        assert folder.progress("lead-scores", "x-lead-scores").next_offsets == {0: 7}
        assert folder.progress("costs", "x-costs") == Progress(topic="x-costs")


def test_what_was_written_aside_and_never_taken_is_gone(tmp_path: Path) -> None:
    with WarehouseFolder(tmp_path) as folder:
        folder.aside(FILE).write_bytes(b"half")
    with WarehouseFolder(tmp_path) as folder:
        assert not folder.aside(FILE).exists()
    assert not (tmp_path / FILE).exists()


def test_a_file_deleted_by_hand_stays_deleted(tmp_path: Path) -> None:
    with WarehouseFolder(tmp_path) as folder:
        step(folder, 7)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).parent.rmdir()
    with WarehouseFolder(tmp_path):
        pass
    assert not (tmp_path / FILE).parent.exists()


def test_only_one_writes_at_a_time(tmp_path: Path) -> None:
    with (
        WarehouseFolder(tmp_path),
        pytest.raises(WarehouseError, match="another export"),
        WarehouseFolder(tmp_path),
    ):
        pass
    with WarehouseFolder(tmp_path):
        pass


@pytest.mark.parametrize(
    "broken", [b"", b"{", b'{"topic": "t", "next_offsets": {"0": -1}}', b'{"progress_schema": 2}']
)
def test_broken_progress_is_refused_and_kept(tmp_path: Path, broken: bytes) -> None:
    path = tmp_path / "_progress" / "costs.json"
    path.parent.mkdir()
    path.write_bytes(broken)
    with pytest.raises(WarehouseError, match=r"costs\.json is broken"), WarehouseFolder(tmp_path):
        pass
    assert path.read_bytes() == broken


def test_the_records_of_another_topic_are_refused(tmp_path: Path) -> None:
    with WarehouseFolder(tmp_path) as folder:
        step(folder, 7)
        with pytest.raises(WarehouseError, match="x-lead-scores, not of y-lead-scores"):
            folder.progress("lead-scores", "y-lead-scores")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(WarehouseError, match="cannot write into"),
        WarehouseFolder(tmp_path / "file"),
    ):
        pass


def test_a_replaced_file_has_the_newest_content(tmp_path: Path) -> None:
    with WarehouseFolder(tmp_path) as folder:
        folder.replace("reports/forecast/day=2026-03-01.json", b"old")
        folder.replace("reports/forecast/day=2026-03-01.json", b"new")
    assert (tmp_path / "reports/forecast/day=2026-03-01.json").read_bytes() == b"new"
