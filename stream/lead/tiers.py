"""Tiers with hysteresis: a score on the edge does not flip its lead to and fro."""

from stream.lead.house import House

RANK = {"cold": 0, "warm": 1, "hot": 2}


def tier_of(score: float, former: str | None, house: House) -> str:
    """Return a lead's tier for a score from 0 to 100.

    A tier is entered at its threshold and left only ``tier_margin`` below it.

    Examples
    --------
    >>> house = House(warm_at=60, hot_at=80, tier_margin=5)
    >>> tier_of(78, None, house), tier_of(78, "hot", house), tier_of(74.9, "hot", house)
    ('warm', 'hot', 'warm')
    """
    rank = RANK[former] if former is not None else 0
    hot_at = house.hot_at - (house.tier_margin if rank == 2 else 0.0)
    warm_at = house.warm_at - (house.tier_margin if rank >= 1 else 0.0)
    if score >= hot_at:
        return "hot"
    return "warm" if score >= warm_at else "cold"
