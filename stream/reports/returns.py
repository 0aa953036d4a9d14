"""What came of what was spent: in all, by channel and by campaign."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from online_models.kpi_figures import CampaignSums, SourceSums
from stream.lead.channels import MAX_NAME_CHARACTERS
from stream.reports.spend import Spent

UNASSIGNED = "unassigned"
"""Costs that name no channel, or no campaign."""


class Earned(NamedTuple):
    """What came of some days: deals, revenue, and what channels and campaigns brought."""

    deals: int
    revenue_minor: int
    sources: Mapping[str, SourceSums]
    campaigns: Mapping[str, CampaignSums]


def returns_of(
    spend: Iterable[Spent], days: tuple[int, int], currency: str, earned: Earned
) -> dict[str, Any]:
    """Return what was spent within some days, and what came of it.

    What a channel or campaign earned is the value of deals whose leads or journeys it brought;
    purchases do not say who brought the customer.

    Parameters
    ----------
    spend
        All costs.
    days
        The first and the last day, since 1970-01-01.
    currency
        That of ``earned``, ISO 4217. Costs in others are told for themselves.
    earned
        What came of the same days.

    Returns
    -------
    returns
        ``campaigns`` is empty where no cost names one.
    """
    by_channel: defaultdict[str, Fraction] = defaultdict(Fraction)
    by_campaign: defaultdict[str, Fraction] = defaultdict(Fraction)
    elsewhere: defaultdict[str, Fraction] = defaultdict(Fraction)
    campaign_of = _campaigns(earned.campaigns)
    for one in spend:
        share_minor = one.within(*days)
        if not share_minor:
            continue
        if one.currency == currency:
            by_channel[_source_of(one.channel, earned.sources)] += share_minor
            by_campaign[campaign_of(one.campaign)] += share_minor
        else:
            elsewhere[one.currency] += share_minor
    if by_campaign.keys() == {UNASSIGNED}:
        by_campaign.clear()
    total_minor = sum(by_channel.values(), Fraction())
    return {
        **_return(total_minor, earned.deals, earned.revenue_minor),
        "channels": _returns(by_channel, earned.sources),
        "campaigns": _returns(by_campaign, earned.campaigns),
        "other_currencies_minor": {name: round(of) for name, of in sorted(elsewhere.items())},
    }


def _source_of(channel: str | None, sources: Mapping[str, SourceSums]) -> str:
    """Return the source that a cost's channel is: ``Search``, which is paid, is ``paid_search``."""
    if not channel or not channel.strip():
        return UNASSIGNED
    name = channel.strip().lower().replace(" ", "_").replace("-", "_")
    paid = f"paid_{name}"
    return channel if channel in sources else paid if paid in sources else name


def _campaigns(known: Iterable[str]) -> Callable[[str | None], str]:
    """Return what finds a cost's campaign among those that brought deals, whatever its case.

    Of long names touchpoints keep the beginning.
    """
    names = {name.casefold(): name for name in known} | {name: name for name in known}

    def campaign_of(campaign: str | None) -> str:
        name = (campaign or "").strip()[:MAX_NAME_CHARACTERS]
        return names.get(name) or names.setdefault(name.casefold(), name) or UNASSIGNED

    return campaign_of


def _returns(
    costs: Mapping[str, Fraction], earned: Mapping[str, SourceSums] | Mapping[str, CampaignSums]
) -> dict[str, Any]:
    """Return what came of each cost, the largest first."""
    nothing = CampaignSums(0, 0)
    found = {}
    for name, cost_minor in sorted(costs.items(), key=lambda item: (-item[1], item[0])):
        of = earned.get(name, nothing)
        found[name] = _return(cost_minor, of.deals, of.value_minor)
    return found


def _return(cost_minor: Fraction, deals: int, value_minor: int) -> dict[str, Any]:
    return {
        "cost_minor": round(cost_minor),
        "deals": deals,
        "per_deal_minor": round(cost_minor / deals) if deals and cost_minor else None,
        "value_minor": value_minor,
        "return_ratio": float(value_minor / cost_minor) if cost_minor > 0 else None,
    }
