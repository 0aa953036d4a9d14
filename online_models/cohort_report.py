"""What cohorts say: who of those that came together bought, how soon, and who stayed."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

By = Literal["week", "name"]


@dataclass(frozen=True, slots=True)
class ConvertedBy:
    """Of a cohort's leads, how many had become customers at an age.

    Attributes
    ----------
    age_weeks
        Weeks since each lead entered.
    leads
        Those old enough by now to be counted on.
    converted
        Those among them that were won within so many weeks.
    ratio, low, high
        Their share with Wilson's 95 % interval; None where more are said to be won than came.
    """

    age_weeks: int
    leads: int
    converted: int
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class ActiveIn:
    """Of a cohort's customers, how many gave a sign in a month after they were won.

    Attributes
    ----------
    month
        0 is the first month of each customer's own.
    customers
        Those for whom that month is over.
    active
        Those among them who bought or did anything else in it.
    ratio, low, high
        Their share with Wilson's 95 % interval; None where more are said to be active than won.
    """

    month: int
    customers: int
    active: int
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class LeadCohort:
    """Leads that entered in the same week, or of the same name.

    Attributes
    ----------
    name
        Of a week, the day of its Monday since 1970-01-01, in digits.
    leads
        How many entered.
    converted
        How many were won so far. It grows for as long as leads are still at work: to compare
        cohorts, take the same age of each (``by_age``).
    cycle_days
        The median of days from entry to deal, of those won so far, off by at most 5 % and exact
        up to 20 days. That of a young cohort is short, since its slow deals are still to come.
    by_age
        Conversion by weeks since entry. An age that the cohort has not reached is left out: it
        is not zero, it is unknown. Of a name, each age is of the weeks that have
        reached it, so that a later age may be of fewer leads.
    """

    name: str
    leads: int
    converted: int
    cycle_days: float | None
    by_age: tuple[ConvertedBy, ...]


@dataclass(frozen=True, slots=True)
class CustomerCohort:
    """Customers won in the same week, or of the same name.

    Attributes
    ----------
    name
        As in ``LeadCohort``; the week is that of the deal.
    customers
        How many were won.
    by_month
        Retention: who still gave a sign in each month after. A month that is not over for all of
        a week's customers is left out.
    """

    name: str
    customers: int
    by_month: tuple[ActiveIn, ...]


@dataclass(frozen=True, slots=True)
class CohortReport:
    """Cohorts beside one another.

    Attributes
    ----------
    by
        What they are told apart by.
    as_of_day
        The first day that nothing is known of yet, since 1970-01-01.
    leads
        By week in order of time; else the largest first.
    all_leads
        All of them taken together, named ``all``.
    customers, all_customers
        Likewise.
    in_other
        Leads of names beyond those that are told apart; they are in ``other``.
    """

    by: By
    as_of_day: int
    leads: tuple[LeadCohort, ...]
    all_leads: LeadCohort
    customers: tuple[CustomerCohort, ...]
    all_customers: CustomerCohort
    in_other: int

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)
