"""Fuzzing in short; ``make fuzz`` goes on from here."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

INPUTS = 20_000


@pytest.mark.skipif(
    find_spec("atheris") is None,
    reason="atheris is not installed: it has wheels for CPython on Linux x86-64 only",
)
@pytest.mark.timeout(900)
def test_no_decoder_crashes_or_hangs(tmp_path):
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--inputs", str(INPUTS), "--json",
         "--saved", str(tmp_path)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    report = json.loads(ran.stdout)
    faults = "".join(path.read_text()[-2_000:] for path in tmp_path.glob("*/*.txt"))
    assert (report["crashes"], report["hangs"]) == (0, 0), faults
    assert report["inputs"] >= INPUTS
    for reason in ("not_json", "unknown_type", "missing_field", "bad_value", "too_late"):
        assert report["rejected"][reason] > 0
    for target in report["targets"].values():
        assert target["outcomes"].keys() >= {"refused"} or target["outcomes"]["accepted"] > 0
