"""Model cards: one Markdown page a model, generated from the report of an evaluation.

What stands on them follows Mitchell et al. 2019, "Model Cards for Model Reporting", section 4.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from inspect import getdoc
from pathlib import Path
from shlex import quote
from typing import Any, NamedTuple

from online_models.catalogue import KINDS, build_model
from stream.evaluate import RULES
from stream.lead.house import DAY_S, House
from stream.quality import FIFTHS, TIERS

Report = Mapping[str, Any]
NOTHING = "-"

_INTENDED = """\
- **For** ranking leads, telling which are worth a call now, and starting nurturing: help for people
  in sales and marketing, who see the reasons with each score.
- **Not for** decisions about a person alone, such as credit, prices, jobs or insurance, nor for
  forecasts of revenue: it knows nothing of values.
- It has learned what *this* house's outcomes say. Of another house, market or product it knows
  nothing, and what no event or attribute says it cannot see.
- It repeats what was done before: leads that nobody called were seldom won, and are scored so.
- A reason is what a fact adds to this score, not what would happen if the fact were changed.
- While few outcomes have been learned, rules carry the score (`model_weight` in each score)."""


class Subject(NamedTuple):
    """What cards tell of: the events' file, the house's rules, and the kinds that were compared."""

    file: str
    house: House
    kinds: tuple[str, ...]


def write_cards(
    report: Report, subject: Subject, folder: Path, fairness: Mapping[str, str] | None = None
) -> list[Path]:
    """Write the card of each model of a report into a folder; return the files.

    Parameters
    ----------
    report
        Of ``stream.evaluate``.
    subject
        What it was made of.
    folder
        Where to.
    fairness
        Kind -> a section in Markdown on how groups fare, where that was looked at.
    """
    written = []
    for kind in subject.kinds:
        path = folder / f"{kind}.md"
        path.write_text(card(report, kind, subject, (fairness or {}).get(kind)), "utf-8")
        written.append(path)
    return written


def card(report: Report, kind: str, subject: Subject, fairness: str | None = None) -> str:
    """Return the card of one model, in Markdown."""
    figures = report["models"][kind]
    is_champion = kind == subject.kinds[0]
    sections = [
        f"# Model card: `{kind}`\n\n{_description(kind)}",
        _details(kind, is_champion=is_champion),
        f"## Intended use and limits\n\n{_INTENDED}",
        _data(report, figures, subject),
        _quality(report, figures, is_champion=is_champion),
        _parts(figures),
        _tiers(figures, subject.house),
        *([f"## How groups fare\n\n{fairness.strip()}"] if fairness else []),
        _facts(figures),
        _reproduction(subject),
    ]
    return "\n\n".join(sections) + "\n"


def _description(kind: str) -> str:
    said = getdoc(type(build_model(kind))) or ""
    return said.partition("\n\n")[0].replace("\n", " ")


def _details(kind: str, *, is_champion: bool) -> str:
    rows = [
        ("leadstream", version("leadstream")),
        ("library", KINDS[kind].library),
        ("snapshot schema", str(KINDS[kind].schema)),
        ("role in this evaluation", "champion" if is_champion else "challenger"),
        ("predicts", "`p_convert`: the chance that the lead is won within the horizon"),
        ("learns", "one example at a time, as outcomes come; no training run"),
    ]
    return "## The model\n\n" + _table(("", ""), rows)


def _data(report: Report, figures: Report, subject: Subject) -> str:
    decided, won = report["decided"], report["positives"]
    base = _percent(won / decided) if decided else NOTHING
    rows = [
        ("file", f"`{_escaped(subject.file)}`"),
        ("events", f"{report['events']:,} ({report['dead_letters']:,} refused)"),
        ("time", f"{_day(report['first_event_at'])} to {_day(report['last_event_at'])}"),
        ("leads", f"{report['leads']:,}, of {report['undecided']:,} the outcome is not known"),
        ("base rate", f"{base}: {won:,} won of {decided:,} decided leads"),
        ("examples learned", f"{figures['examples_learned']:,}"),
        ("horizon", f"{subject.house.horizon_s / DAY_S:g} days"),
        ("vectors kept to learn from", f"{subject.house.samples_per_lead} a lead"),
    ]
    return "## What it has learned from\n\n" + _table(("", ""), rows)


def _quality(report: Report, figures: Report, *, is_champion: bool) -> str:
    columns = [("this model alone", figures), ("rules alone", report["models"][RULES])]
    if is_champion:
        columns.insert(1, ("with the rules, as served", report))
    rows = [
        ("AUC, each lead's last score", "auc"),
        ("AUC, every score", "auc_events"),
        ("AUC, newest fifth of leads", "auc_last_fifth"),
        ("average precision", "average_precision"),
        ("log loss (nats), last scores", "log_loss"),
        ("log loss (nats), every score", "log_loss_events"),
        ("Brier score", "brier"),
        ("calibration error", "calibration_error"),
        ("calibration error, first scores", "calibration_error_first"),
    ]
    table = _table(
        ("", *(head for head, _ in columns)),
        [(name, *(_figure(column[key]) for _, column in columns)) for name, key in rows],
    )
    return (
        "## How good its scores are\n\nEach score was made before its lead's outcome was known. "
        "Calibration error is the mean distance\nof predicted chances from what came, after the "
        f"first fifth of leads.\n\n{table}\n\n"
        f"It learns {_number(figures['examples_per_s'])} examples a second and takes "
        f"{_number(figures['predict_with_reasons_us'])} µs for a score with its\nreasons, on the "
        "machine that wrote this card."
    )


def _parts(figures: Report) -> str:
    heads = ("scores", "AUC", "log loss", "calibration error")
    keys = ("auc", "log_loss", "calibration_error")
    fifths = {
        f"{number} of {FIFTHS}": part for number, part in enumerate(figures["by_fifth"], start=1)
    }
    tables = [
        _table(
            (head, *heads),
            [
                (name, f"{part['scores']:,}", *(_figure(part[key]) for key in keys))
                for name, part in parts.items()
            ],
        )
        for head, parts in (
            ("fifth of leads, oldest first", fifths),
            ("events seen of the lead", figures["by_events_seen"]),
        )
    ]
    return "## Over time, and by how much is known of a lead\n\n" + "\n\n".join(tables)


def _tiers(figures: Report, house: House) -> str:
    rows = [
        (
            tier,
            f"{figures['tiers'][tier]['leads']:,}",
            _percent(figures["tiers"][tier]["precision"]),
            _percent(figures["tiers"][tier]["recall"]),
            _figure(figures["tiers"][tier]["lift"], 2),
        )
        for tier in TIERS
    ]
    return (
        f"## What its tiers are worth\n\nHot from a score of {house.hot_at:g}, warm from "
        f"{house.warm_at:g}, left {house.tier_margin:g} below; by each lead's last score.\n\n"
        + _table(("tier", "leads", "of them won", "of all won", "lift"), rows)
    )


def _facts(figures: Report) -> str:
    rows = [
        (f"`{_escaped(fact)}`", _figure(moved)) for fact, moved in figures["main_facts"].items()
    ]
    return (
        "## What its scores rest on\n\nBy how much a fact moves the log-odds of a lead from those "
        "of the average one, in the mean over a\nsample of its vectors, by its newest version.\n\n"
        + (_table(("fact", "mean move"), rows) if rows else "It has learned nothing yet.")
    )


def _reproduction(subject: Subject) -> str:
    models = ",".join(subject.kinds)
    return (
        "## How to make this again\n\n```console\n"
        f"$ leadstream evaluate {quote(subject.file)} --models {models} --cards DIR\n```\n\n"
        "The same events, settings and release give the same figures, speeds apart."
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---", *("---:" for _ in heads[1:])] if any(heads) else ["---"] * len(heads)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [*lines, *map(list, rows)])


def _escaped(text: str) -> str:
    """Return a name that others choose so that it ends neither its cell nor its code."""
    return (
        "".join(c if c.isprintable() else " " for c in text).replace("|", "\\|").replace("`", "'")
    )


def _figure(value: float | None, places: int = 3) -> str:
    return NOTHING if value is None else f"{value:.{places}f}"


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}"


def _percent(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.1f} %"


def _day(at: str | None) -> str:
    return NOTHING if at is None else at[:10]
