"""A report on fairness: as plain JSON for machines, and in sentences for who works with leads."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from online_models.fairness import THRESHOLDS, Fairness, Gap, Measure, Tally, compare
from online_models.intervals import Figure
from online_models.protocols import Features
from online_models.proxies import proxies
from online_models.reservoir import Reservoir

DIGITS = 4


class FairnessRow(NamedTuple):
    """A prediction whose outcome is known.

    ``groups`` are the lead's by attribute; an attribute that it lacks is left out. ``x`` is what
    was predicted with, ``p`` the probability, made before the outcome ``y``.
    """

    groups: Mapping[str, str]
    x: Features
    y: bool
    p: float
    is_selected: bool


def fairness_report(
    rows: Iterable[FairnessRow],
    thresholds: Mapping[Measure, float] = THRESHOLDS,
    rows_per_lead: float = 1.0,
    fact_of: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Return figures by group, gaps and proxies of each attribute, as plain JSON.

    Memory is bounded by the number of groups: rows are counted, and a sample of them is searched
    for proxies.

    Parameters
    ----------
    rows
        In any order.
    thresholds, rows_per_lead
        See ``online_models.fairness.compare``.
    fact_of
        See ``online_models.proxies.proxies``.

    Returns
    -------
    dict
        By attribute: ``groups`` (by name: ``rows``, ``won`` and each measure's figure), ``gaps``
        (by measure) and ``proxies``. ``alerts`` counts the gaps that are too large.

    Examples
    --------
    >>> rows = [
    ...     FairnessRow({"region": "ab"[n % 2]}, {"postcode": n % 2}, n % 4 > 1, 0.5, n % 4 == 2)
    ...     for n in range(1_000)
    ... ]
    >>> report = fairness_report(rows)
    >>> report["attributes"]["region"]["gaps"]["true_positive"]["difference"], report["alerts"]
    (1.0, 2)
    >>> report["attributes"]["region"]["proxies"]
    [{'feature': 'postcode', 'group': 'a', 'auc': 1.0}]
    """
    tallies: dict[str, dict[str, Tally]] = defaultdict(lambda: defaultdict(Tally))
    samples: dict[str, Reservoir[tuple[Features, str]]] = defaultdict(Reservoir)
    for row in rows:
        for attribute, group in row.groups.items():
            tallies[attribute][group].add(row.y, row.p, row.is_selected)
            samples[attribute].add((row.x, group))
    attributes = {}
    alerts = 0
    for attribute in sorted(tallies):
        found = compare(tallies[attribute], thresholds, rows_per_lead=rows_per_lead)
        told = proxies(samples[attribute].rows, fact_of=fact_of)
        alerts += sum(gap.is_alert for gap in found.gaps.values())
        attributes[attribute] = {
            "groups": _groups(found),
            "gaps": {measure: _gap(gap) for measure, gap in found.gaps.items()},
            "proxies": [{**p._asdict(), "auc": round(p.auc, DIGITS)} for p in told],
        }
    return {"attributes": attributes, "alerts": alerts}


def _groups(found: Fairness) -> dict[str, Any]:
    return {
        group: {
            "rows": tally.rows,
            "won": tally.won,
            **{
                measure: _figure(figures[group]) if group in figures else None
                for measure, figures in found.figures.items()
            },
        }
        for group, tally in found.tallies.items()
    }


def _figure(figure: Figure) -> dict[str, float]:
    return {name: round(value, DIGITS) for name, value in figure._asdict().items()}


def _gap(gap: Gap) -> dict[str, Any]:
    plain = {
        name: round(value, DIGITS) if isinstance(value, float) else value
        for name, value in gap._asdict().items()
        if name != "measure"
    }
    return {**plain, "is_certain": gap.is_certain}


def as_text(report: Mapping[str, Any]) -> str:
    """Return a report in sentences.

    Parameters
    ----------
    report
        What ``fairness_report`` returns.

    Examples
    --------
    >>> rows = [
    ...     FairnessRow({"region": "ab"[n % 2]}, {}, n % 4 > 1, 0.5, n % 4 == 3 or n % 8 == 2)
    ...     for n in range(800)
    ... ]
    >>> print(as_text(fairness_report(rows)))
    region
      a: 400 predictions, 200 won; b: 400 predictions, 200 won.
      ALERT: Of leads in group b, 50% were hot; in group a 25%.
      ALERT: Of won leads in group b, 100% had been hot; in group a 50%.
      Predicted minus won: in group b 0.0%, in group a 0.0%. This may be chance.
      No single feature tells the groups apart.
    """
    blocks = [_block(name, found) for name, found in report["attributes"].items()]
    return "\n\n".join(blocks) or "No lead has a group: say which attributes define groups."


_SENTENCES: Mapping[str, str] = {
    "selection": "Of leads in group {higher}, {high:.0%} were hot; in group {lower} {low:.0%}.",
    "true_positive": (
        "Of won leads in group {higher}, {high:.0%} had been hot; in group {lower} {low:.0%}."
    ),
    "calibration": (
        "Predicted minus won: in group {higher} {high:z.1%}, in group {lower} {low:z.1%}."
    ),
}


def _block(attribute: str, found: Mapping[str, Any]) -> str:
    groups = found["groups"]
    sizes = [f"{name}: {g['rows']:,} predictions, {g['won']:,} won" for name, g in groups.items()]
    lines = ["; ".join(sizes) + "."]
    for measure, gap in found["gaps"].items():
        higher, lower = gap["higher"], gap["lower"]
        high, low = (groups[name][measure]["value"] for name in (higher, lower))
        text = _SENTENCES[measure].format(higher=higher, high=high, lower=lower, low=low)
        if gap["is_alert"]:
            text = f"ALERT: {text}"
        elif gap["is_certain"]:
            text += " More than chance, but within the threshold."
        else:
            text += " This may be chance."
        lines.append(text)
    if len(groups) < 2:
        lines.append("One group alone: nothing to compare.")
    told = [f"{p['feature']} (group {p['group']}, AUC {p['auc']:.2f})" for p in found["proxies"]]
    lines.append(
        f"The groups can be told from: {', '.join(told)}."
        if told
        else "No single feature tells the groups apart."
    )
    return "\n  ".join([attribute, *lines])
