"""What is kept of a customer for lifetime value: four numbers, whatever it has bought."""

from dataclasses import dataclass

LARGEST_DAY = 10**5
"""Days are counted from any epoch; these are 270 years."""
LARGEST_SPEND_MINOR = 10**11


@dataclass(frozen=True, slots=True)
class PurchaseHistory:
    """Purchases of one customer, so far as lifetime value asks for them.

    Purchases of one day count once and their amounts add up, as in Fader, Hardie and Lee (2005).
    A purchase that comes late is taken in, too; one on a day between the first and the last counts
    as another purchase, since which of those days had one is not kept.

    Attributes
    ----------
    purchases
        Days with a purchase: at least 1, at most one a day.
    first_day, last_day
        Days of the first and the last purchase, counted from any epoch.
    spend_minor
        All amounts, in minor units of one currency; refunds count below zero.

    Raises
    ------
    ValueError
        If a number is not whole or out of its range, or the days contradict the purchases.

    Examples
    --------
    >>> history = PurchaseHistory(1, 0, 0, 2933).with_purchase(17, 2973).with_purchase(17, 500)
    >>> history
    PurchaseHistory(purchases=2, first_day=0, last_day=17, spend_minor=6406)
    >>> history.repeats, history.recency_days
    (1, 17)
    """

    purchases: int
    first_day: int
    last_day: int
    spend_minor: int

    def __post_init__(self) -> None:
        check_whole("first_day", self.first_day, -LARGEST_DAY, LARGEST_DAY)
        check_whole("last_day", self.last_day, self.first_day, LARGEST_DAY)
        check_whole("purchases", self.purchases, 1, self.recency_days + 1)
        check_whole("spend_minor", self.spend_minor, -LARGEST_SPEND_MINOR, LARGEST_SPEND_MINOR)
        if self.purchases == 1 and self.recency_days:
            raise ValueError(
                f"purchases is 1, first_day {self.first_day} and last_day {self.last_day}: "
                "they must be 2 or more, or the days the same"
            )

    @property
    def repeats(self) -> int:
        """Purchases after the first: *x*, the frequency."""
        return self.purchases - 1

    @property
    def recency_days(self) -> int:
        """Days from the first purchase to the last: *t_x*, the recency."""
        return self.last_day - self.first_day

    def age_days(self, day: int) -> int:
        """Return days from the first purchase to a day: *T*, the age.

        Raises
        ------
        ValueError
            If the day is before the last purchase: what came later would have to be unknown.
        """
        check_whole("day", day, self.last_day, LARGEST_DAY)
        return day - self.first_day

    def with_purchase(self, day: int, spend_minor: int) -> "PurchaseHistory":
        """Return the history with one more purchase.

        Parameters
        ----------
        day
            Its day, on the same epoch as the others.
        spend_minor
            Its amount, in minor units.

        Raises
        ------
        ValueError
            If a number is not whole or out of its range.
        """
        check_whole("day", day, -LARGEST_DAY, LARGEST_DAY)
        check_whole("spend_minor", spend_minor, -LARGEST_SPEND_MINOR, LARGEST_SPEND_MINOR)
        first_day, last_day = min(self.first_day, day), max(self.last_day, day)
        purchases = self.purchases + (day not in {self.first_day, self.last_day})
        return PurchaseHistory(
            min(purchases, last_day - first_day + 1),
            first_day,
            last_day,
            self.spend_minor + spend_minor,
        )

    def merged(self, other: "PurchaseHistory") -> "PurchaseHistory":
        """Return the history of two customers who are one.

        Which of their days were the same is not kept: only the first and the last are compared.

        Raises
        ------
        ValueError
            If they spent too much together.

        Examples
        --------
        >>> PurchaseHistory(1, 3, 3, 900).merged(PurchaseHistory(2, 3, 9, 500))
        PurchaseHistory(purchases=2, first_day=3, last_day=9, spend_minor=1400)
        """
        first_day, last_day = (
            min(self.first_day, other.first_day),
            max(self.last_day, other.last_day),
        )
        mine, theirs = ({h.first_day, h.last_day} for h in (self, other))
        purchases = self.purchases + other.purchases - len(mine & theirs)
        return PurchaseHistory(
            min(purchases, last_day - first_day + 1),
            first_day,
            last_day,
            self.spend_minor + other.spend_minor,
        )


def check_whole(name: str, value: int, least: int, most: int) -> None:
    """Refuse a number that is not whole, or out of its range.

    Raises
    ------
    ValueError
        It names the number and its range.
    """
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} is {value!r:.60}: it must be a whole number, {least} to {most}")
