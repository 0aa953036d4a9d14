"""One series of numbers, and whether its mean has changed.

What is watched is averaged over blocks of examples first. Examples of one lead, one campaign or one
hour come together and are alike; the mean of a block varies as much as that makes it, so detectors
that go by the blocks' own variance are not woken by it, and cost next to nothing an example.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, with_config
from river import drift
from typing_extensions import TypedDict

from online_models.formats import LARGEST, ModelFormatError, Weight

BLOCK = 32
"""Examples to a block."""
BASELINE = 32
"""Blocks that say what is usual of a series."""
KEPT = 512
"""Blocks that a series looks back on, at least."""
FARTHEST = 8.0
"""A block counts no more than this many standard deviations: one alone is no drift."""
ADWIN_DELTA = 1e-4
"""Probability of ADWIN's that it finds what is not there, where its assumptions hold."""
ADWIN_LEAST = 5
"""Blocks on either side of a split that it looks at, at least."""
ALLOWANCE = 1.0
"""Shift of a block's mean, in its standard deviations, that Page and Hinkley's test lets pass."""
THRESHOLD = 14.0
"""Sum of shifts beyond the allowance at which Page and Hinkley's test tells a change."""

Size = Annotated[float, Field(ge=0.0, le=LARGEST)]
Deviation = Annotated[float, Field(gt=0.0, le=LARGEST)]
Detector = Literal["adwin", "page_hinkley"]


@with_config(ConfigDict(strict=True, allow_inf_nan=False))
class SeriesState(TypedDict):
    """The whole state of a series.

    Blocks are means as they are until there is a baseline, then deviations from it.
    """

    baseline: Annotated[tuple[Weight, Deviation], Field(strict=False)] | None
    blocks: Annotated[list[Weight], Field(max_length=2 * KEPT)]
    squares: Size
    count: Annotated[int, Field(ge=0, lt=BLOCK)]
    sum: Weight


class Series:
    """One number an example, and whether its mean has changed: by ADWIN and by Page and Hinkley.

    The first blocks are the baseline, in whose mean and standard deviation later ones are told.
    ADWIN (Bifet and Gavaldà 2007) compares all splits of what it has kept, and finds small
    changes that last; Page and Hinkley's cumulative sum (Page 1954) finds large ones soon and
    lets those pass that are too small to matter. A series that has changed starts anew.

    Detectors are a function of the blocks they were fed, of which the newest are kept: so what
    River keeps compiled is rebuilt from plain numbers, by its public interface.

    Parameters
    ----------
    rise_only
        Whether only a rise is told.
    least_deviation
        Of a single example: a series that has never varied yet is not sure to stay so.
    """

    def __init__(self, *, rise_only: bool = False, least_deviation: float = 1e-3) -> None:
        self._rise_only = rise_only
        self._least = least_deviation
        self._start([], None)
        self._count, self._sum = 0, 0.0

    def update(self, value: float) -> Detector | None:
        """Take in an example; return what found a change that is to be told."""
        self._sum += value
        self._count += 1
        if self._baseline is None:
            self._squares += value * value
        if self._count < BLOCK:
            return None
        mean = self._sum / BLOCK
        self._count, self._sum = 0, 0.0
        if self._baseline is not None:
            return self._judge(mean)
        self._blocks.append(mean)
        return self._settle() if len(self._blocks) == BASELINE else None

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        return {
            "baseline": self._baseline,
            "blocks": list(self._blocks),
            "squares": self._squares,
            "count": self._count,
            "sum": self._sum,
        }

    def restore(self, state: "SeriesState") -> None:
        """Go on from a checkpoint.

        Raises
        ------
        ModelFormatError
            If blocks are kept without the baseline that there must be by then.
        """
        baseline = state["baseline"]
        if baseline is None and len(state["blocks"]) >= BASELINE:
            raise ModelFormatError("drift monitor is broken: blocks enough, but no baseline")
        self._start(state["blocks"], None if baseline is None else (baseline[0], baseline[1]))
        self._squares, self._count, self._sum = state["squares"], state["count"], state["sum"]

    def _start(self, blocks: list[float], baseline: tuple[float, float] | None) -> None:
        self._blocks: list[float] = []
        self._squares = 0.0
        self._baseline = baseline
        self._adwin = drift.ADWIN(
            delta=ADWIN_DELTA,
            clock=1,
            min_window_length=ADWIN_LEAST,
            grace_period=BASELINE,
        )
        self._page_hinkley = drift.PageHinkley(
            min_instances=BASELINE,
            delta=ALLOWANCE,
            threshold=THRESHOLD,
            alpha=1.0,
            mode="up" if self._rise_only else "both",
        )
        if baseline is None:
            self._blocks = list(blocks)
        else:
            for deviation in blocks:
                self._feed(deviation)

    def _settle(self) -> Detector | None:
        """Take the blocks met as the baseline: from here on, detectors judge."""
        blocks = self._blocks
        mean = math.fsum(blocks) / BASELINE
        among = math.fsum((block - mean) ** 2 for block in blocks) / (BASELINE - 1)
        # What single examples make blocks vary is known better. Where blocks vary more than
        # that, examples that come together are alike.
        alone = max(self._least**2, self._squares / (BASELINE * BLOCK) - mean * mean) / BLOCK
        self._start([], (mean, math.sqrt(max(among, alone))))
        found: Detector | None = None
        for block in blocks:
            found = found or self._judge(block)
        return found

    def _judge(self, block: float) -> Detector | None:
        if self._baseline is None:  # a change was found among the blocks of the baseline
            return None
        mean, deviation = self._baseline
        # Rounded, so that a checkpoint is small; detectors are fed what it will say.
        found, rose = self._feed(
            round(max(-FARTHEST, min(FARTHEST, (block - mean) / deviation)), 3)
        )
        if found is not None:
            self._start([], None)
            return found if rose or not self._rise_only else None
        if len(self._blocks) >= 2 * KEPT:
            self._start(self._blocks[-KEPT:], self._baseline)
        return None

    def _feed(self, deviation: float) -> tuple[Detector | None, bool]:
        """Return which detector found a change, if any, and whether it was a rise."""
        self._blocks.append(deviation)
        before = self._adwin.estimation
        self._adwin.update(deviation)
        self._page_hinkley.update(deviation)
        if self._adwin.drift_detected:
            return "adwin", self._adwin.estimation > before
        if self._page_hinkley.drift_detected:
            return "page_hinkley", deviation > before
        return None, False
