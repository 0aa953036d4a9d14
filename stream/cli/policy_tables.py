"""What policies would have earned, as tables that are read at a glance."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

NOTHING = "-"
LOGGED = "as decided"
ESTIMATES = {
    "doubly_robust": "doubly robust",
    "inverse_propensity": "inverse propensity",
    "self_normalised": "self-normalised",
    "direct_method": "direct method",
}
LEGEND = (
    "Reward: doubly robust. Surely above: the bound that holds however often one looks; better is "
    "who is above what was earned as decided even so. Counts as: how many decisions of the "
    "policy's own the log is worth. Not known: the sentences below say why.\n"
)
Report = Mapping[str, Any]


def print_policies(report: Report, console: Console) -> None:
    """Print a report of ``stream.policy_evaluation``: counts, tables, then its sentences."""
    names = ("decisions", "learned", "evaluated", "without_choice", "unexplored", "broken")
    counts = "   ".join(f"{name.replace('_', ' ')} [bold]{report[name]:,}[/bold]" for name in names)
    console.print(counts, highlight=False)
    for fault in report["first_faults"]:
        console.print(f"passed over: {fault}", markup=False, highlight=False)
    known = {kind: one for kind, one in report["policies"].items() if "error" not in one}
    if known:
        console.print(Text("\nReward per decision, of the newer half", style="bold"))
        console.print(_rewards(known))
        console.print(Text("The same by each estimator", style="bold"))
        console.print(_estimates(known))
        console.print(Text(LEGEND, style="dim"))
    console.print(report["text"], markup=False, highlight=False)


def _rewards(policies: Mapping[str, Report]) -> Table:
    table = _table("", "reward", "95 % interval", "surely\nabove", "counts\nas", "better")
    first = next(iter(policies.values()))
    logged, count = first["logged"], f"{first['decisions']:,}"
    reward = _figure(logged["value"])
    table.add_row(LOGGED, reward, _interval(logged), NOTHING, count, "", end_section=True)
    for kind, one in policies.items():
        table.add_row(
            kind,
            _figure(one["value"]),
            _interval(one),
            _figure(one["always_low"]),
            f"{one['effective_decisions']:,.0f}",
            _verdict(one),
        )
    return table


def _verdict(one: Report) -> Text:
    if one["is_better"]:
        return Text("yes", style="bold green")
    return Text("not shown" if one["is_believable"] else "not known")


def _estimates(policies: Mapping[str, Report]) -> Table:
    table = _table("", "by", "reward", "95 % interval")
    for kind, one in policies.items():
        for number, (name, head) in enumerate(ESTIMATES.items()):
            found, is_last = one["estimates"][name], number == len(ESTIMATES) - 1
            table.add_row(
                "" if number else kind, head, _figure(found["value"]), _interval(found),
                end_section=is_last,
            )  # fmt: skip
    return table


def _table(*heads: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, collapse_padding=True, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, no_wrap=True, justify="right" if number else "left")
    return table


def _interval(estimate: Report) -> str:
    ends: Iterable[float | None] = (estimate["low"], estimate["high"])
    return " to ".join(map(_figure, ends))


def _figure(value: float | None) -> str:
    if value is None:
        return NOTHING
    return f"{value:,.0f}" if abs(value) >= 1_000.0 else f"{value:.3g}"
