"""One process that fuzzes one target; libFuzzer ends it where an input hangs or kills it."""

import argparse
import mmap
import os
import resource
import struct
import sys
import traceback
from hashlib import sha256
from pathlib import Path
from random import Random

TESTS = Path(__file__).parent.parent
HANG_S = 5
MAX_INPUT_BYTES = 1_200_000
SAVED_PER_FAULT = 5

INPUTS, CRASHES, PEAK_KB, FIRST_OUTCOME = range(4)
COUNTERS = 32
"""Counters of 8 bytes in a file that the parent reads, which a killed process leaves behind."""


def main() -> None:
    """Fuzz until the inputs are used up."""
    parser = argparse.ArgumentParser()
    for name in ("--target", "--counters", "--saved", "--corpus"):
        parser.add_argument(name, required=True)
    for name in ("--runs", "--seed"):
        parser.add_argument(name, type=int, required=True)
    options = parser.parse_args()
    import atheris  # noqa: PLC0415 - the parent has no need of it

    sys.path.insert(0, str(TESTS))
    with atheris.instrument_imports(include=["schemas", "stream", "online_models", "tomllib"]):
        from tests.fuzz.mutations import mutate  # noqa: PLC0415
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415

    target = TARGETS[options.target]
    seeds = target.seeds()
    corpus, saved = Path(options.corpus), Path(options.saved)
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)
    with Path(options.counters).open("r+b") as file:
        counters = memoryview(mmap.mmap(file.fileno(), COUNTERS * 8)).cast("Q")
    place = {name: FIRST_OUTCOME + n for n, name in enumerate(target.outcomes)}
    faults: dict[str, int] = {}

    def check(data: bytes) -> None:
        counters[INPUTS] += 1
        if counters[INPUTS] % 256 == 1:
            counters[PEAK_KB] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            for outcome, count in target.check(data).items():
                counters[place[outcome]] += count
        except Exception as error:
            counters[CRASHES] += 1
            where = "".join(traceback.format_tb(error.__traceback__)[-2:])
            faults[where] = faults.get(where, 0) + 1
            if faults[where] <= SAVED_PER_FAULT:
                _save(saved, data, error)

    def mutated(data: bytes, max_size: int, seed: int) -> bytes:
        def blind(some: bytes) -> bytes:
            return atheris.Mutate(some, min(max_size, len(some) + 64))

        return mutate(data, Random(seed), seeds, blind)[:max_size]

    arguments = [
        sys.argv[0], f"-runs={options.runs}", f"-seed={options.seed}", f"-timeout={HANG_S}",
        f"-max_len={MAX_INPUT_BYTES}", "-len_control=0", "-rss_limit_mb=2048", "-verbosity=0",
        f"-artifact_prefix={saved}{os.sep}", "-print_final_stats=0", options.corpus,
    ]  # fmt: skip
    atheris.Setup(arguments, check, custom_mutator=mutated)
    atheris.Fuzz()


def _save(saved: Path, data: bytes, error: Exception) -> None:
    name = f"crash-{sha256(data).hexdigest()[:16]}"
    (saved / name).write_bytes(data)
    (saved / f"{name}.txt").write_text("".join(traceback.format_exception(error)))


def new_counters(path: Path) -> None:
    """Write the file of counters, all nought."""
    path.write_bytes(struct.pack(f"{COUNTERS}Q", *[0] * COUNTERS))


def read_counters(path: Path) -> tuple[int, ...]:
    """Return what a process has counted."""
    return struct.unpack(f"{COUNTERS}Q", path.read_bytes())


if __name__ == "__main__":
    main()
