"""What a lead is worth, as ``explain`` says it."""

from collections.abc import Mapping
from typing import Any

from stream.reports.report import money


def worth_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines that say it; none while nobody knows.

    >>> deal = {"expected_minor": 5_350_000, "low_minor": 900_000, "high_minor": 9_200_000,
    ...         "median_minor": 3_000_000, "interval_ratio": 0.8, "deals": 240, "currency": "EUR"}
    >>> worth = {"value_minor": 214_000, "currency": "EUR"}
    >>> for line in worth_lines({"expected_value": worth, "deal_value": deal}):
    ...     print(line)
    worth about 2,140 EUR: what its deal will bring, times how likely it converts
    deal     53,500 EUR if it is won; 80 % of such bring 9,000 EUR to 92,000 EUR; by 240 deals
    """
    worth, deal = report["expected_value"], report["deal_value"]
    if worth is None or worth["value_minor"] is None:
        return []
    about = f"worth about {money(worth['value_minor'], worth['currency'])}"
    if deal is not None:
        currency = deal["currency"]
        low, high = (money(deal[end], currency) for end in ("low_minor", "high_minor"))
        return [
            f"{about}: what its deal will bring, times how likely it converts",
            f"deal     {money(deal['expected_minor'], currency)} if it is won; "
            f"{100.0 * deal['interval_ratio']:.0f} % of such bring {low} to {high}; "
            f"by {deal['deals']:,} deals",
        ]
    stays = worth.get("alive_probability")
    still = "" if stays is None else f", still a customer with {100.0 * stays:.0f} %"
    return [f"{about} within a year{still}"]
