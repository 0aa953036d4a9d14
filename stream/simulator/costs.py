"""What marketing spends on each channel, day by day."""

from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random

from schemas.topics import COSTS, DAY_S
from stream.simulator.site import Step

# Cents for each visitor that the site has in all, so that spend goes with traffic.
_CENTS_PER_VISITOR = {"search": 900, "social": 400, "display": 250}


def daily_costs(rng: Random, start_s: float, visitors_per_day: float) -> Iterator[Step]:
    """Yield, shortly after each midnight UTC and without end, the spend of the day before."""
    day_s = start_s - start_s % DAY_S
    while True:
        period = datetime.fromtimestamp(day_s, UTC).date().isoformat()
        day_s += DAY_S
        for number, (channel, cents) in enumerate(_CENTS_PER_VISITOR.items()):
            body = {
                "type": "cost",
                "amount_minor": round(cents * visitors_per_day * rng.uniform(0.8, 1.2)),
                "currency": "EUR",
                "channel": channel,
                "campaign": "spring",
                "period": period,
            }
            yield Step(day_s + 300 + number, COSTS.name, body)
