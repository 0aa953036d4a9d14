"""Whether groups of leads are treated alike: figures by group, and the gaps between groups.

Three questions, which no model can answer with "alike" at once where groups convert at different
rates (Kleinberg, Mullainathan and Raghavan 2017; Chouldechova 2017), so all three are shown:

- selection: is the same share of each group selected (scored hot)?
- true_positive: of those who won, had the same share been selected? (equal opportunity, Hardt,
  Price and Srebro 2016)
- calibration: is each group as likely to win as was predicted?
"""

import heapq
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from online_models.intervals import Figure, difference, quantile, wilson

Measure = Literal["selection", "true_positive", "calibration"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

THRESHOLDS: Mapping[Measure, float] = MappingProxyType(
    {"selection": 0.2, "true_positive": 0.1, "calibration": 0.05}
)
"""Sizes of gaps that alert when exceeded; selection's is the four-fifths rule (29 CFR 1607.4)."""

OTHER = "other"
"""What groups are called together that are not named one by one."""
MOST_GROUPS = 10
LEAST_ROWS = 30
"""Rows of a group below which it is not named: so few say little, and name few people."""


@dataclass(slots=True)
class Tally:
    """What is counted of a group's rows: a row is a prediction whose outcome is known."""

    rows: int = 0
    won: int = 0
    selected: int = 0
    selected_won: int = 0
    p_sum: float = 0.0

    def add(self, y: bool, p: float, is_selected: bool, times: int = 1) -> None:
        """Count a row, or with ``times=-1`` take it back."""
        self.rows += times
        self.won += times * y
        self.selected += times * is_selected
        self.selected_won += times * (y and is_selected)
        self.p_sum += times * p

    def join(self, other: "Tally") -> None:
        """Count another group's rows as well."""
        self.rows += other.rows
        self.won += other.won
        self.selected += other.selected
        self.selected_won += other.selected_won
        self.p_sum += other.p_sum


class Gap(NamedTuple):
    """How far two groups are apart by one measure.

    ``difference`` is that of the higher group's figure and the lower one's, from ``low`` to
    ``high``; ``ratio`` the lower figure as a share of the higher, None for calibration. ``size`` is
    what thresholds are about: ``1 - ratio`` for selection, which is rare or frequent as the house
    likes, else the difference.
    """

    measure: Measure
    lower: str
    higher: str
    difference: float
    low: float
    high: float
    ratio: float | None
    size: float
    is_alert: bool

    @property
    def is_certain(self) -> bool:
        """Whether the gap is more than noise."""
        return self.low > 0.0


class Fairness(NamedTuple):
    """Figures by measure and group, and for each measure its largest gap, certain ones first."""

    tallies: Mapping[str, Tally]
    figures: Mapping[Measure, Mapping[str, Figure]]
    gaps: Mapping[Measure, Gap]


def figures_of(tally: Tally, z: float, rows_per_lead: float = 1.0) -> dict[Measure, Figure]:
    """Return a group's figures; the true positive rate is left out of a group that never won.

    The calibration gap is what was predicted on average less the share that won. Its interval is
    that of the share, the predictions being given.

    Parameters
    ----------
    rows_per_lead
        Rows that may be of the same lead, and so say the same: intervals count as many rows as one
        (the design effect where they say just the same, Kish 1965).

    Examples
    --------
    >>> tally = Tally(rows=100, won=20, selected=30, selected_won=12, p_sum=25.0)
    >>> {measure: round(f.value, 3) for measure, f in figures_of(tally, 1.96).items()}
    {'selection': 0.3, 'calibration': 0.05, 'true_positive': 0.6}
    """
    rows = tally.rows
    predicted, came = tally.p_sum / rows, tally.won / rows
    least, most = wilson(came, rows / rows_per_lead, z)
    selected = tally.selected / rows
    found: dict[Measure, Figure] = {
        "selection": Figure(selected, *wilson(selected, rows / rows_per_lead, z), rows),
        "calibration": Figure(predicted - came, predicted - most, predicted - least, rows),
    }
    if tally.won:
        hit = tally.selected_won / tally.won
        interval = wilson(hit, tally.won / rows_per_lead, z)
        found["true_positive"] = Figure(hit, *interval, tally.won)
    return found


def named_groups(tallies: Mapping[str, Tally], most_groups: int = MOST_GROUPS) -> dict[str, Tally]:
    """Return the largest groups by name, all others together as ``other``.

    Who sends leads decides how many groups there are; what is kept and shown of them is bounded.

    >>> named_groups({"a": Tally(500), "b": Tally(40), "c": Tally(20), "d": Tally(2)})
    ... # doctest: +NORMALIZE_WHITESPACE
    {'a': Tally(rows=500, won=0, selected=0, selected_won=0, p_sum=0.0),
     'b': Tally(rows=40, won=0, selected=0, selected_won=0, p_sum=0.0),
     'other': Tally(rows=22, won=0, selected=0, selected_won=0, p_sum=0.0)}
    """
    large = (g for g, t in tallies.items() if t.rows >= LEAST_ROWS and g != OTHER)
    kept = heapq.nsmallest(most_groups, large, key=lambda g: (-tallies[g].rows, g))
    named = {group: tallies[group] for group in kept}
    rest = Tally()
    for group, tally in tallies.items():
        if group not in named:
            rest.join(tally)
    return {**named, OTHER: rest} if rest.rows else named


def compare(
    tallies: Mapping[str, Tally],
    thresholds: Mapping[Measure, float] = THRESHOLDS,
    most_groups: int = MOST_GROUPS,
    rows_per_lead: float = 1.0,
    confidence: float = 0.95,
) -> Fairness:
    """Compare the groups of one attribute.

    A gap is an alert where it is larger than its threshold **and** its interval has no zero in it:
    "greater differences in selection rate may not constitute adverse impact where the differences
    are based on small numbers and are not statistically significant" (29 CFR 1607.4 D). Intervals
    of gaps are wide enough for all pairs of groups and all measures together, those of groups are
    each for itself.

    Parameters
    ----------
    tallies
        By group.
    thresholds
        By measure, of ``Gap.size``.
    most_groups
        How many groups are named; the others count together.
    rows_per_lead
        See ``figures_of``.
    confidence
        Chance that none of the gaps of groups that are alike is called certain.

    Examples
    --------
    >>> alike = {"a": Tally(500, 100, 150, 60, 100.0), "b": Tally(300, 60, 84, 33, 61.0)}
    >>> [gap.is_certain for gap in compare(alike).gaps.values()]
    [False, False, False]
    >>> missed = alike | {"b": Tally(300, 60, 84, 12, 61.0)}  # as many won, few of them selected
    >>> gap = compare(missed).gaps["true_positive"]
    >>> gap.lower, gap.higher, round(gap.difference, 2), round(gap.low, 2), gap.is_alert
    ('b', 'a', 0.4, 0.21, True)
    """
    groups = named_groups(tallies, most_groups)
    pairs = max(1, math.comb(len(groups), 2))
    alone = _by_measure(groups, quantile(confidence), rows_per_lead)
    z = quantile(confidence, of=pairs * len(MEASURES))
    together = _by_measure(groups, z, rows_per_lead)
    gaps = {}
    for measure, figures in together.items():
        found = [_gap(measure, a, b, figures, thresholds) for a, b in combinations(figures, 2)]
        if found:
            gaps[measure] = max(found, key=lambda gap: (gap.is_certain, gap.size))
    return Fairness(groups, alone, gaps)


def _by_measure(
    groups: Mapping[str, Tally], z: float, rows_per_lead: float
) -> dict[Measure, dict[str, Figure]]:
    by_group = {group: figures_of(tally, z, rows_per_lead) for group, tally in groups.items()}
    return {
        measure: {group: found[measure] for group, found in by_group.items() if measure in found}
        for measure in MEASURES
    }


def _gap(
    measure: Measure,
    one: str,
    other: str,
    figures: Mapping[str, Figure],
    thresholds: Mapping[Measure, float],
) -> Gap:
    lower, higher = sorted((one, other), key=lambda group: figures[group].value)
    apart, low, high = difference(figures[higher], figures[lower])
    ratio = None
    if measure != "calibration":
        top = figures[higher].value
        ratio = figures[lower].value / top if top else 1.0
    size = 1.0 - ratio if measure == "selection" and ratio is not None else apart
    is_alert = low > 0.0 and size > thresholds[measure]
    return Gap(measure, lower, higher, apart, low, high, ratio, size, is_alert)


class GroupQuality:
    """Figures and gaps of one attribute's groups over the newest rows.

    Counting a row costs the same whatever the window is, and memory does not grow with the number
    of groups that senders make up.

    Parameters
    ----------
    window
        How many rows to look back on. Equal opportunity is about those who won only: with a
        twentieth of them won, telling 40 % from 60 % takes some 5,000 rows.
    thresholds, rows_per_lead, confidence
        See ``compare``. The confidence is higher here: a window is looked at again and again, and
        each look may be the one that finds chance.

    Examples
    --------
    >>> quality = GroupQuality(window=1_000)
    >>> for n in range(2_000):  # every fifth lead wins in both groups, and one group is overlooked
    ...     group, y = ("a", "b")[n % 2], n % 5 == 0
    ...     quality.add(group, y, p=0.2, is_selected=y and group == "a")
    >>> [measure for measure, gap in quality.report().gaps.items() if gap.is_alert]
    ['selection', 'true_positive']
    """

    def __init__(
        self,
        window: int = 10_000,
        thresholds: Mapping[Measure, float] = THRESHOLDS,
        rows_per_lead: float = 1.0,
        confidence: float = 0.999,
    ) -> None:
        self._rows: deque[tuple[str, bool, float, bool]] = deque()
        self._tallies: dict[str, Tally] = {}
        self._window = window
        self._thresholds = thresholds
        self._rows_per_lead = rows_per_lead
        self._confidence = confidence

    def add(self, group: str, y: bool, p: float, is_selected: bool) -> None:
        """Take in a prediction, made before its outcome, and the outcome."""
        self._rows.append((group, y, p, is_selected))
        self._tallies.setdefault(group, Tally()).add(y, p, is_selected)
        if len(self._rows) > self._window:
            group, y, p, is_selected = self._rows.popleft()
            self._tallies[group].add(y, p, is_selected, times=-1)
            if not self._tallies[group].rows:
                del self._tallies[group]

    def report(self) -> Fairness:
        """Compare the groups over the window."""
        return compare(
            self._tallies,
            self._thresholds,
            rows_per_lead=self._rows_per_lead,
            confidence=self._confidence,
        )
