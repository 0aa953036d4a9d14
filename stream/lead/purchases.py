"""What a customer has bought: recency, frequency, value and products; what it will buy next.

``p_purchase`` is the probability that a lead that has won or bought buys (again) within its
horizon. A product that the house names has a task of its own (``product_task``) for cross-sell:
that the next purchase comes within the horizon, and is of that product. One purchase labels all
of them, so they learn from the same vectors.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from stream.lead.samples import Sample

TASK = "p_purchase"

MAX_PRODUCTS = 8
MAX_CURRENCIES = 3
MAX_PRODUCT_CHARACTERS = 64
LARGEST_VALUE_MINOR = 10**15

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")


def product_task(product: str) -> str:
    """Return the name of the task of a product: what model names may consist of.

    >>> product_task("Premium Support")
    'p_purchase_premium_support'
    """
    return f"{TASK}_{_NOT_IN_NAMES.sub('_', product.strip().casefold()).strip('_')}"


@dataclass(slots=True)
class Purchases:
    """What a customer has bought so far, and its vectors that wait for the next purchase.

    ``value_minor`` holds currency -> sum, so that nothing is added that cannot be; ``products``
    product -> times bought. Of either the first few are kept. A refund takes off value.
    """

    count: int = 0
    last_at_s: float = 0.0
    value_minor: dict[str, int] = field(default_factory=dict)
    products: dict[str, int] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    sampled_of: int = 0

    def add(self, event: Mapping[str, Any], at_s: float) -> int:
        """Count a purchase; return how much of it did not fit."""
        self.count += 1
        self.last_at_s = max(self.last_at_s, at_s)
        overflows = _add(
            self.value_minor, event["currency"], int(event["value_minor"]), MAX_CURRENCIES
        )
        product = (event.get("product") or "").strip()[:MAX_PRODUCT_CHARACTERS]
        return overflows + (_add(self.products, product, 1, MAX_PRODUCTS) if product else 0)

    def features(self, at_s: float) -> dict[str, float | str]:
        """Return recency, frequency, mean value and products as features of a time."""
        log1p = math.log1p
        x: dict[str, float | str] = {"purchases": log1p(self.count)}
        if not self.count:
            return x
        x["since_last_purchase"] = log1p(max(0.0, at_s - self.last_at_s))
        for currency, total in self.value_minor.items():
            x[f"purchase_value:{currency}"] = log1p(max(0.0, total / self.count))
        for product, times in self.products.items():
            x[f"bought:{product.replace('=', '_')}"] = log1p(times)
        return x

    def merge(self, other: "Purchases", most_samples: int) -> int:
        """Add another history's purchases; return how much of them did not fit."""
        self.count += other.count
        self.last_at_s = max(self.last_at_s, other.last_at_s)
        overflows = sum(
            _add(self.value_minor, currency, total, MAX_CURRENCIES)
            for currency, total in other.value_minor.items()
        )
        overflows += sum(
            _add(self.products, product, times, MAX_PRODUCTS)
            for product, times in other.products.items()
        )
        # Vectors of before the last purchase of either have their label by now, unseen here.
        both = [*other.samples, *self.samples]
        left = [sample for sample in both if sample.at_s >= self.last_at_s]
        self.samples = left[:most_samples]
        scored = self.sampled_of + other.sampled_of
        self.sampled_of = round(scored * len(left) / len(both)) if both else 0
        return overflows

    def to_json(self) -> list[Any]:
        """Return it as plain JSON."""
        return [
            self.count,
            self.last_at_s,
            self.value_minor,
            self.products,
            [sample.row() for sample in self.samples],
            self.sampled_of,
        ]

    @classmethod
    def from_json(cls, document: list[Any]) -> "Purchases":
        """Rebuild it from ``to_json``."""
        count, last_at_s, value_minor, products, samples, sampled_of = document
        kept = [Sample(*row) for row in samples]
        return cls(count, last_at_s, dict(value_minor), dict(products), kept, sampled_of)


def _add(sums: dict[str, int], name: str, amount: int, most: int) -> int:
    if name not in sums and len(sums) >= most:
        return 1
    total = sums.get(name, 0) + amount
    sums[name] = max(-LARGEST_VALUE_MINOR, min(LARGEST_VALUE_MINOR, total))
    return 0
