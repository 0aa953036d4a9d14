"""The console stays small, and its pictures in README are there and light."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE_LIMIT_BYTES = 150_000
PICTURE_LIMIT_BYTES = 300_000


def test_the_page_is_small_and_asks_no_outside_host() -> None:
    files = [
        path
        for path in (ROOT / "stream" / "console").iterdir()
        if path.suffix in {".html", ".css", ".js", ".svg"}
    ]
    assert len(files) > 3
    assert sum(path.stat().st_size for path in files) < PAGE_LIMIT_BYTES
    for path in files:
        asked = re.findall(r"""(?:src|href|url|import|fetch)\W{1,3}https?://""", path.read_text())
        assert not asked, path.name


def test_each_view_has_a_picture_that_is_light() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"deploy/guide/screenshots/[a-z-]+\.png", readme))
    there = set((ROOT / "deploy" / "guide" / "screenshots").glob("*.png"))
    assert {ROOT / name for name in named} == there
    assert all(path.stat().st_size < PICTURE_LIMIT_BYTES for path in there)
