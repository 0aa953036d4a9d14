"""Key figures of sales: counted by day, told exactly for any span of the days that are kept.

Counts are integers, so the order of facts does not matter. Quantiles come from buckets, and are
off by at most 5 %.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from online_models import formats
from online_models.day_counts import DayCounts
from online_models.day_quantiles import LogBuckets
from online_models.intervals import Figure, difference, quantile, wilson
from online_models.kpi_figures import (
    CampaignSums,
    Conversion,
    Effect,
    Response,
    Satisfaction,
    SourceSums,
)

CHECKPOINT_SCHEMA = 3
LIBRARY = "leadstream kpis"
DAYS_KEPT = 400
MAX_NAMES = 32
"""Sources, segments and currencies that are told apart."""
MAX_CAMPAIGNS = 100
"""Campaigns that are told apart."""
CYCLE_DAYS = LogBuckets(0.05, 4_000.0, 0.05)
RESPONSE_MINUTES = LogBuckets(0.5, 100_000.0, 0.05)
NO_TIER = NO_SEGMENT = "none"
NURTURED, HOLDOUT = "nurtured", "holdout"
NPS_SCALE = 10.0
MILLIONTHS = 1_000_000
"""Satisfaction is summed in millionths of the scale, as integers."""
SATISFIED_MILLIONTHS = 800_000
"""From here on an answer is a satisfied one: the upper two of five."""
_Z = quantile(0.95)
_ALL = "all"


class Kpis:
    """Leads, journeys, answers, satisfaction and revenue by day.

    Parameters
    ----------
    tiers
        Names of tiers; others count as ``none``.

    Notes
    -----
    Bounded: 400 days of at most 33 sources, segments and currencies, 101 campaigns, 114 buckets of
    cycle lengths and 123 of response times: 43 MB if each is filled on each day, which no house
    does.

    Examples
    --------
    >>> kpis = Kpis(["hot", "cold"])
    >>> kpis.learn_lead(20_000, "email")
    >>> for is_won in (True, False, False, False):
    ...     kpis.learn_journey(20_009, is_won, cycle_days=9.0, source="email", tier="hot")
    >>> kpis.conversion(20_000, 20_009).ratio
    0.25
    """

    def __init__(self, tiers: Sequence[str]) -> None:
        self._tiers = (*tiers, NO_TIER)
        self._tables = {name: DayCounts(**of) for name, of in self._parameters().items()}

    @property
    def newest(self) -> int:
        """The newest day of which something is known; -1 before there is one."""
        return max(table.newest for table in self._tables.values())

    def __len__(self) -> int:
        return sum(map(len, self._tables.values()))

    def learn_lead(self, day: int, source: str) -> None:
        """Count a new lead; raises ValueError as ``DayCounts.add`` does, as all of these do."""
        self._tables["sources"].add(day, source, [1, 0, 0, 0])

    def learn_journey(
        self,
        day: int,
        is_won: bool,
        cycle_days: float,
        source: str,
        tier: str | None = None,
        is_holdout: bool | None = None,
        value_minor: int = 0,
        campaign: str | None = None,
        segment: str | None = None,
    ) -> None:
        """Count a journey that ended on a day.

        Parameters
        ----------
        cycle_days
            From the lead's entry on; of deals alone, since what ends in silence ends when nobody
            waits any longer.
        is_holdout
            None where no lead is held out.
        value_minor
            The deal's, always in the same currency.
        campaign
            That the journey began with; None where it began with none.
        segment
            That the lead was in at the end; None where it was in none.
        """
        bucket = CYCLE_DAYS.bucket(cycle_days)
        won = int(is_won)
        self._tables["sources"].add(day, source, [0, 1, won, value_minor])
        self._tables["tiers"].add(day, self._tier(tier), [1, won])
        self._tables["segments"].add(day, segment or NO_SEGMENT, [1, won])
        if is_holdout is not None:
            self._tables["arms"].add(day, HOLDOUT if is_holdout else NURTURED, [1, won])
        if is_won:
            self._tables["cycles"].add(day, str(bucket), [1])
            if campaign is not None:
                self._tables["campaigns"].add(day, campaign, [1, value_minor])

    def learn_answer(self, day: int, response_s: float, tier: str | None = None) -> None:
        """Count a lead that was answered, by the time that it had waited."""
        bucket = RESPONSE_MINUTES.bucket(response_s / 60.0)
        told = self._tier(tier)
        self._tables["answers"].add(day, str(bucket), [int(told == one) for one in self._tiers])

    def learn_satisfaction(self, day: int, score: float, scale_max: float) -> None:
        """Count what a lead said of its satisfaction, a score of 0 to ``scale_max``."""
        if not 0.0 <= score <= scale_max or not scale_max:
            raise ValueError(f"score is {score!r}: it must be 0 to scale_max, {scale_max!r}")
        is_nps = scale_max == NPS_SCALE
        share = round(MILLIONTHS * (score / scale_max))
        promotes, detracts = is_nps and score >= 9.0, is_nps and score < 7.0
        satisfied = share >= SATISFIED_MILLIONTHS
        amounts = [1, int(satisfied), share, int(is_nps), int(promotes), int(detracts)]
        self._tables["satisfaction"].add(day, _ALL, amounts)

    def learn_purchase(self, day: int, value_minor: int, currency: str) -> None:
        """Count a purchase."""
        self._tables["revenue"].add(day, currency, [1, value_minor])

    def sources(self, first: int, last: int) -> dict[str, SourceSums]:
        """Return what each source brought, from the first to the last day."""
        found = self._tables["sources"].sums(first, last)
        return {name: SourceSums(*sums) for name, sums in found.items()}

    def campaigns(self, first: int, last: int) -> dict[str, CampaignSums]:
        """Return what each campaign brought, from the first to the last day."""
        found = self._tables["campaigns"].sums(first, last)
        return {name: CampaignSums(*sums) for name, sums in found.items()}

    def conversion(self, first: int, last: int) -> Conversion:
        """Return the conversion of journeys that ended."""
        return _conversion(*self._tables["tiers"].total(first, last))

    def conversion_by_tier(self, first: int, last: int) -> dict[str, Conversion]:
        """Return the conversion by the last tier before the end."""
        found = self._tables["tiers"].sums(first, last)
        return {tier: _conversion(*found[tier]) for tier in self._tiers if tier in found}

    def conversion_by_segment(self, first: int, last: int) -> dict[str, Conversion]:
        """Return the conversion by the segment at the end; {} while no journey was in any."""
        found = self._tables["segments"].sums(first, last)
        if not found.keys() - {NO_SEGMENT}:
            return {}
        return {segment: _conversion(*found[segment]) for segment in sorted(found)}

    def conversion_by_arm(self, first: int, last: int) -> dict[str, Conversion]:
        """Return the conversion of nurtured leads and of the holdout; {} unless there is one."""
        found = self._tables["arms"].sums(first, last)
        return {arm: _conversion(*found[arm]) for arm in (NURTURED, HOLDOUT) if arm in found}

    def effect(self, first: int, last: int) -> Effect | None:
        """Return by how much nurturing raises conversion; None unless both arms have journeys.

        The interval is Newcombe's hybrid score interval (1998, method 10).
        """
        arms = self.conversion_by_arm(first, last)
        figures = [
            Figure(one.ratio, one.low, one.high, one.journeys)
            for one in arms.values()
            if one.ratio is not None and one.low is not None and one.high is not None
        ]
        return Effect(*difference(*figures)) if len(figures) == 2 else None

    def cycle_days(self, first: int, last: int) -> float | None:
        """Return the median of days from a lead's entry to its deal."""
        sums = self._tables["cycles"].sums(first, last)
        return CYCLE_DAYS.quantile({int(bucket): of[0] for bucket, of in sums.items()}, 0.5)

    def response(self, first: int, last: int, tier: str | None = None) -> Response:
        """Return how long leads waited for an answer; of one tier, or of all."""
        places = range(len(self._tiers)) if tier is None else [self._tiers.index(tier)]
        sums = self._tables["answers"].sums(first, last)
        counts = {int(bucket): sum(of[n] for n in places) for bucket, of in sums.items()}
        median, p90 = (RESPONSE_MINUTES.quantile(counts, share) for share in (0.5, 0.9))
        return Response(sum(counts.values()), median, p90)

    def satisfaction(self, first: int, last: int) -> Satisfaction:
        """Return how satisfied leads said to be."""
        sums = self._tables["satisfaction"].total(first, last)
        told, satisfied, share, nps_answers, promoters, detractors = sums
        satisfied_ratio = satisfied / told if told else None
        mean = share / (MILLIONTHS * told) if told else None
        nps = 100.0 * (promoters - detractors) / nps_answers if nps_answers else None
        return Satisfaction(told, satisfied_ratio, mean, nps_answers, nps)

    def revenue_minor(self, first: int, last: int) -> dict[str, int]:
        """Return what was bought, by currency."""
        found = self._tables["revenue"].sums(first, last)
        return {currency: value_minor for currency, (_, value_minor) in found.items()}

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        tables = {name: table.checkpoint() for name, table in self._tables.items()}
        return {"schema": CHECKPOINT_SCHEMA, "library": LIBRARY, "tables": tables}

    @classmethod
    def restore(cls, checkpoint: Mapping[str, Any], tiers: Sequence[str]) -> Self:
        """Rebuild it with the tiers that it had.

        Raises
        ------
        ModelFormatError
            If the checkpoint does not fit this release, or is broken.
        """
        formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        kpis = cls(tiers)
        tables, parameters = checkpoint.get("tables"), kpis._parameters()
        if not isinstance(tables, dict) or set(tables) != set(parameters):
            raise formats.ModelFormatError("checkpoint is broken: tables: see who wrote it")
        kpis._tables = {
            name: DayCounts.restore(tables[name], **of) for name, of in parameters.items()
        }
        for name, buckets in (("cycles", CYCLE_DAYS), ("answers", RESPONSE_MINUTES)):
            known = set(map(str, range(buckets.last + 1)))
            if not known.issuperset(tables[name]["names"]):
                raise formats.ModelFormatError(f"checkpoint is broken: {name}: no such bucket")
        return kpis

    def _parameters(self) -> dict[str, dict[str, int]]:
        fields_and_names = {
            "sources": (len(SourceSums._fields), MAX_NAMES),
            "tiers": (2, len(self._tiers)),
            "arms": (2, 2),
            "segments": (2, MAX_NAMES),
            "cycles": (1, CYCLE_DAYS.last + 1),
            "answers": (len(self._tiers), RESPONSE_MINUTES.last + 1),
            "campaigns": (len(CampaignSums._fields), MAX_CAMPAIGNS),
            "satisfaction": (6, 1),
            "revenue": (2, MAX_NAMES),
        }
        return {
            name: {"fields": fields, "days": DAYS_KEPT, "max_names": names}
            for name, (fields, names) in fields_and_names.items()
        }

    def _tier(self, tier: str | None) -> str:
        return tier if tier in self._tiers and tier is not None else NO_TIER


def _conversion(journeys: int, deals: int) -> Conversion:
    if not journeys:
        return Conversion(0, 0, None, None, None)
    ratio = deals / journeys
    return Conversion(journeys, deals, ratio, *wilson(ratio, journeys, _Z))
