"""Plots of reports as PNG files; each title a finding."""

from collections.abc import Sequence
from pathlib import Path

from stream.plots import COLOURS, DOTS_PER_INCH, GREY, new_figure
from stream.reports.report import Bars


def write_plot(drawn: Sequence[Bars], path: Path) -> None:
    """Draw a report's plots below each other into one file."""
    ratios = [1.2 + 0.34 * len(bars.labels) for bars in drawn]
    figure = new_figure(8.0, sum(ratios))
    every = figure.subplots(len(drawn), 1, squeeze=False, gridspec_kw={"height_ratios": ratios})
    for axes, bars in zip(every[:, 0], drawn, strict=True):
        places = range(len(bars.labels))
        axes.barh(places, bars.values, color=COLOURS[0], height=0.62)
        if bars.low is not None and bars.high is not None:
            below = [max(0.0, v - low) for v, low in zip(bars.values, bars.low, strict=True)]
            above = [max(0.0, high - v) for v, high in zip(bars.values, bars.high, strict=True)]
            axes.errorbar(
                bars.values, places, xerr=[below, above], fmt="none", ecolor=GREY, capsize=3
            )
        axes.set_yticks(places, bars.labels)
        axes.invert_yaxis()
        axes.set_title(bars.title, loc="left", fontsize=12)
        axes.set_xlabel(bars.unit)
        axes.set_xlim(left=0.0)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=DOTS_PER_INCH)
