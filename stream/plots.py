"""Plots of an evaluation as PNG files: calibration, lift, AUC over time; each title a finding."""

import math
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stream.quality import ScoredLead, quality
from stream.quality_curves import AucAt, auc_over_time, gains, reliability, settled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart with any colour vision (Okabe and Ito 2008)."""
DASHES = ("-", "--", "-.", ":")
GREY = "#767676"
DOTS_PER_INCH = 110
CONTACTED = 0.2
"""The share of leads that the lift is told of."""
PANELS_A_ROW = 4

Leads = Mapping[str, Sequence[ScoredLead]]
"""Way to score -> all leads, in the same order; the first is the one that goes out."""


class PlotsMissingError(ImportError):
    """What draws is not installed; the message says what to do."""


def check_plots() -> None:
    """Raise ``PlotsMissingError`` if plots cannot be drawn here."""
    if find_spec("matplotlib") is None:
        raise PlotsMissingError("plots need matplotlib: pip install 'leadstream[plots]'")


def write_plots(leads: Leads, first_at_s: Sequence[float], folder: Path) -> list[Path]:
    """Draw an evaluation into a folder; return the files.

    Parameters
    ----------
    leads
        What each way to score made of all leads.
    first_at_s
        When the first event of each lead occurred, epoch seconds.
    folder
        Where to.

    Raises
    ------
    PlotsMissingError
        If matplotlib is not installed.
    """
    check_plots()
    drawn = {
        "calibration.png": calibration_plot(leads),
        "lift.png": lift_plot(leads),
        "auc_over_time.png": auc_plot(leads, first_at_s),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / name, dpi=DOTS_PER_INCH)
    return [folder / name for name in drawn]


def calibration_plot(leads: Leads) -> "Figure":
    """Return what was predicted against what came, one panel a way to score."""
    columns = min(PANELS_A_ROW, len(leads))
    rows = math.ceil(len(leads) / columns)
    figure = new_figure(3.7 * columns + 0.4, 4.6 * rows + 1.1)
    grid = figure.add_gridspec(2 * rows, columns, height_ratios=[4, 1] * rows)
    styles = _styles(leads)
    for number, (name, scored) in enumerate(leads.items()):
        row, column = divmod(number, columns)
        axes = figure.add_subplot(grid[2 * row, column])
        below = figure.add_subplot(grid[2 * row + 1, column], sharex=axes)
        _draw_reliability(axes, scored, styles[name]["color"])
        axes.set_title(f"{name}\n{_off_by(scored)}", fontsize=10)
        axes.tick_params(labelbottom=False)
        p = [p for lead in settled(scored) for p in lead.p]
        below.hist(
            p, bins=20, range=(0, 1), weights=np.full(len(p), 1 / max(1, len(p))), color=GREY
        )
        below.set_xlabel("predicted chance to convert")
        _percent(axes.yaxis, below.xaxis, below.yaxis)
        if column == 0:
            axes.set_ylabel("leads that did convert")
            below.set_ylabel("share of\nscores")
    first = next(iter(leads))
    figure.suptitle(
        f"Can the chances be taken at their word? On the dashed line, they can.\n"
        f"{first}: {_off_by(leads[first])}."
    )
    figure.supxlabel(
        "Each dot: a tenth of all scores after the first fifth of leads. "
        "Bars: 95 % interval, by the number of leads.",
        fontsize=8,
        color=GREY,
    )
    return figure


def lift_plot(leads: Leads) -> "Figure":
    """Return what contacting the best leads reaches, and how much better than chance that is."""
    figure = new_figure(11.5, 5.6)
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="in any order")
    right.axhline(1.0, color=GREY, linestyle=":", label="in any order")
    base = _base_rate(next(iter(leads.values())))
    if base:
        left.plot([0, base, 1], [0, 1, 1], color=GREY, linewidth=1, label="if all were known")
    reached = []
    for name, style in _styles(leads).items():
        curve = gains(leads[name])
        if curve is None:
            continue
        reached.append((name, curve.at(CONTACTED)))
        label = f"{name}: {reached[-1][1]:.0%}".replace("%", " %")
        left.plot(curve.contacted, curve.reached, label=label, **style)
        shares = [share / 100 for share in range(2, 101)]
        right.plot(shares, [curve.at(share) / share for share in shares], label=name, **style)
    left.axvline(CONTACTED, color=GREY, linewidth=0.8)
    left.set_xlabel("leads contacted, the best first")
    left.set_ylabel("share of all customers reached")
    left.set_title(f"Customers reached (legend: at {CONTACTED:.0%} of leads)".replace("%", " %"))
    right.set_xlabel("leads contacted, the best first")
    right.set_ylabel("times as many customers as in any order")
    right.set_title("Lift: how many times better than chance")
    right.set_ylim(bottom=0)
    left.legend(loc="best", fontsize=9)
    right.legend(loc="best", fontsize=9)
    _percent(left.xaxis, left.yaxis, right.xaxis)
    figure.suptitle(_lift_finding(reached))
    figure.supxlabel(
        "By each lead's last score before its outcome, when most is known of it: the upper end of "
        "what early calls reach.",
        fontsize=8,
        color=GREY,
    )
    return figure


def auc_plot(leads: Leads, first_at_s: Sequence[float]) -> "Figure":
    """Return how well won and lost leads were told apart, by the time of their first event."""
    figure = new_figure(10.5, 5.4)
    axes = figure.subplots()
    axes.axhline(0.5, color=GREY, linestyle=":", label="by chance")
    found: dict[str, list[AucAt]] = {}
    for name, style in _styles(leads).items():
        found[name] = auc_over_time(leads[name], first_at_s)
        when = np.array([int(at.at_s) for at in found[name]], dtype="datetime64[s]")
        axes.plot(
            when, [at.auc for at in found[name]], marker="o", markersize=4, label=name, **style
        )
        if len(found) == 1:
            ends = [at.low for at in found[name]], [at.high for at in found[name]]
            axes.fill_between(when, *ends, color=style["color"], alpha=0.15, linewidth=0)
    axes.set_xlabel("first event of the lead (each dot: a tenth of all leads)")
    axes.set_ylabel("AUC: pairs of a won and a lost lead\nranked right, of all scores")
    axes.legend(loc="best", fontsize=9)
    figure.autofmt_xdate()
    first, stretches = next(iter(found.items()))
    figure.suptitle(_auc_finding(first, stretches))
    figure.supxlabel(f"Band: 95 % interval of {first}, by leads.", fontsize=8, color=GREY)
    return figure


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """Return an empty figure of a size; what draws must be installed (``check_plots``)."""
    # No pyplot: it keeps figures and a backend for the whole process.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - an extra
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _styles(leads: Leads) -> dict[str, dict[str, Any]]:
    looks = zip(cycle(COLOURS), cycle(DASHES), strict=False)
    return {
        name: {"color": colour, "linestyle": dash, "linewidth": 2.2 if number == 0 else 1.5}
        for number, (name, (colour, dash)) in enumerate(zip(leads, looks, strict=False))
    }


def _draw_reliability(axes: Any, scored: Sequence[ScoredLead], colour: str) -> None:
    bins = reliability(scored)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1)
    axes.errorbar(
        [one.predicted for one in bins],
        [one.won for one in bins],
        yerr=[
            [max(0.0, one.won - one.low) for one in bins],
            [max(0.0, one.high - one.won) for one in bins],
        ],
        fmt="o-",
        markersize=4,
        linewidth=1.2,
        capsize=2,
        color=colour,
    )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")


def _percent(*axes: Any) -> None:
    from matplotlib.ticker import PercentFormatter  # noqa: PLC0415 - an extra

    for axis in axes:
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def _off_by(scored: Sequence[ScoredLead]) -> str:
    error = quality(scored)["calibration_error"]
    return (
        "no outcome to compare with"
        if error is None
        else f"off by {100 * error:.1f} points on average"
    )


def _base_rate(scored: Sequence[ScoredLead]) -> float:
    decided = [lead.won for lead in scored if lead.won is not None and lead.p]
    return sum(decided) / len(decided) if decided else 0.0


def _lift_finding(reached: Sequence[tuple[str, float]]) -> str:
    if not reached:
        return "No lead has won: nothing to reach"
    name, share = reached[0]
    return (
        f"Contacting the best {100 * CONTACTED:.0f} % of leads reaches {100 * share:.0f} % of all "
        f"customers, {share / CONTACTED:.1f} times chance ({name})"
    )


def _auc_finding(name: str, stretches: Sequence[AucAt]) -> str:
    if not stretches:
        return "Too few leads have won or lost to tell how well they are told apart"
    first, last = stretches[0], stretches[-1]
    if last.low > first.high:
        change = "better"
    elif last.high < first.low:
        change = "worse"
    else:
        change = "no clear change"
    return (
        "Of the newest leads, one that will buy outranks one that will not in "
        f"{100 * last.auc:.0f} of 100 pairs;\nof the oldest, in {100 * first.auc:.0f}: {change} "
        f"({name})"
    )
