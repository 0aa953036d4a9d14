"""Fuzz every decoder: ``python -m tests.fuzz --inputs 1000000 --json``."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

TESTS = Path(__file__).parent.parent
sys.path.insert(0, str(TESTS))

from tests.fuzz.targets import REASONS, TARGETS  # noqa: E402 - what tests share is beside them
from tests.fuzz.worker import (  # noqa: E402
    CRASHES,
    FIRST_OUTCOME,
    INPUTS,
    PEAK_KB,
    new_counters,
    read_counters,
)

HANG_EXIT_CODE = 70
"""How libFuzzer ends a process whose input took too long."""
CHUNK_INPUTS = 50_000
MAX_DEATHS = 20


@dataclass
class Tally:
    """What became of the inputs of one target."""

    inputs: int = 0
    crashes: int = 0
    hangs: int = 0
    peak_rss_bytes: int = 0
    elapsed_s: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Run all targets and report; the exit code is 1 where anything crashed or hung."""
    parser = argparse.ArgumentParser(prog="make fuzz")
    parser.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", choices=list(TARGETS), help="this one alone")
    parser.add_argument("--saved", type=Path, help="folder for inputs that crashed or hung")
    parser.add_argument("--corpus", type=Path, help="folder of inputs to go on from and add to")
    parser.add_argument("--input", type=Path, help="check one saved input: FOLDER/TARGET/crash-…")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.input:
        target = TARGETS[options.target or options.input.parent.name]
        print(dict(target.check(options.input.read_bytes())))
        return
    if find_spec("atheris") is None:
        sys.exit(
            "atheris is not installed: it has wheels for CPython on Linux x86-64; "
            "there, pip install 'leadstream[fuzz]'"
        )
    report = run(options)
    if options.json:
        print(json.dumps(report, indent=2))
    else:
        for name, value in report.items():
            print(f"{name:>16}  {value}")
    sys.exit(1 if report["crashes"] or report["hangs"] else 0)


def run(options: argparse.Namespace) -> dict[str, object]:
    """Fuzz, as many processes at once as there are processors."""
    started_s = time.monotonic()
    saved = options.saved or Path(tempfile.mkdtemp(prefix="leadstream-fuzz-"))
    work = Path(tempfile.mkdtemp(prefix="leadstream-corpus-"))
    corpus = options.corpus or work
    names = [options.target] if options.target else list(TARGETS)
    whole = sum(TARGETS[name].share for name in names)
    jobs = []
    for name in names:
        (saved / name).mkdir(parents=True, exist_ok=True)
        left = round(options.inputs * TARGETS[name].share / whole)
        while left > 0:
            number = len(jobs)
            jobs.append((name, min(CHUNK_INPUTS, left), options.seed + number))
            left -= CHUNK_INPUTS
    tallies = {name: Tally() for name in names}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(lambda job: _fuzz(*job, saved, corpus / job[0], work), jobs)
        for (name, _, _), one in zip(jobs, done, strict=True):
            _add(tallies[name], one)
    shutil.rmtree(work)
    routed = tallies["route"].outcomes if "route" in tallies else Counter()
    elapsed_s = time.monotonic() - started_s
    inputs, crashes, hangs = (
        sum(getattr(t, what) for t in tallies.values()) for what in ("inputs", "crashes", "hangs")
    )
    return {
        "inputs": inputs,
        "crashes": crashes,
        "hangs": hangs,
        "rejected": {reason: routed[reason] for reason in REASONS},
        "targets": {
            name: {
                "inputs": t.inputs, "crashes": t.crashes, "hangs": t.hangs,
                "outcomes": dict(t.outcomes), "peak_rss_bytes": t.peak_rss_bytes,
                "cpu_elapsed_s": round(t.elapsed_s, 1),
            }
            for name, t in tallies.items()
        },
        "peak_rss_bytes": max(t.peak_rss_bytes for t in tallies.values()),
        "seed": options.seed,
        "elapsed_s": round(elapsed_s, 1),
        "inputs_per_s": round(inputs / elapsed_s, 1),
        "saved": str(saved) if crashes or hangs else None,
    }  # fmt: skip


def _fuzz(name: str, runs: int, seed: int, saved: Path, corpus: Path, work: Path) -> Tally:
    """Fuzz a target in processes of its own, until its inputs are used up."""
    tally, started_s = Tally(), time.monotonic()
    for death in range(MAX_DEATHS):
        counters = work / f"{name}-{seed}-{death}"
        new_counters(counters)
        ended = subprocess.run(
            [
                sys.executable, "-m", "tests.fuzz.worker", "--target", name,
                "--counters", str(counters), "--saved", str(saved / name),
                "--corpus", str(corpus), "--runs", str(runs - tally.inputs),
                "--seed", str(seed + 1_000 * death),
            ],
            cwd=TESTS.parent, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        counted = read_counters(counters)
        tally.inputs += counted[INPUTS]
        tally.crashes += counted[CRASHES]
        tally.peak_rss_bytes = max(tally.peak_rss_bytes, counted[PEAK_KB] * 1024)
        tally.outcomes.update(
            {
                o: n
                for o, n in zip(TARGETS[name].outcomes, counted[FIRST_OUTCOME:], strict=False)
                if n
            }
        )
        if ended.returncode == 0:
            break
        if not counted[INPUTS]:
            raise RuntimeError(f"fuzzing {name} did not start:\n{ended.stderr[-2_000:]}")
        (saved / name / f"process-{seed}-{death}.log").write_text(ended.stderr[-20_000:])
        if ended.returncode == HANG_EXIT_CODE:
            tally.hangs += 1
        else:
            tally.crashes += 1
        if tally.inputs >= runs:
            break
    tally.elapsed_s = time.monotonic() - started_s
    return tally


def _add(tally: Tally, one: Tally) -> None:
    tally.inputs += one.inputs
    tally.crashes += one.crashes
    tally.hangs += one.hangs
    tally.elapsed_s += one.elapsed_s
    tally.peak_rss_bytes = max(tally.peak_rss_bytes, one.peak_rss_bytes)
    tally.outcomes.update(one.outcomes)


if __name__ == "__main__":
    main()
