"""What every report is: it learns milestones, keeps what they add up to, says what it found."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

from online_models.formats import ModelFormatError
from schemas.milestones import Milestone
from schemas.topics import DAY_S

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Table(NamedTuple):
    """A table of a report: its title, its columns' heads, its rows as they are to be read."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


class View(NamedTuple):
    """A report for people: sentences that say what was found, then tables."""

    sentences: Sequence[str]
    tables: Sequence[Table]


class Bars(NamedTuple):
    """A plot of a report: its title is a finding; one bar, or one line's point, a label.

    ``low`` and ``high`` are the ends of intervals, where there are any.
    """

    title: str
    labels: Sequence[str]
    values: Sequence[float]
    unit: str
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


class Terms(NamedTuple):
    """What reports go by.

    ``currency`` is that of amounts, ISO 4217; ``leads_per_day`` how many new leads can be dealt
    with, 0 where nobody has said.
    """

    currency: str
    leads_per_day: int = 0


class Report(Protocol):
    """One report. Its memory is bounded, and of single leads it keeps what erasure takes out."""

    name: ClassVar[str]

    def learn(self, milestone: Milestone) -> None:
        """Take in a milestone; one that says nothing to this report is passed over.

        Raises
        ------
        ValueError
            If it cannot be; then nothing was taken in.
        """
        ...

    def figures(self, today: int) -> dict[str, Any]:
        """Return all that was found as plain JSON.

        Parameters
        ----------
        today
            The present day, counted from 1970-01-01.
        """
        ...

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say what ``figures`` returned, for people."""
        ...

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return what there is to draw of what ``figures`` returned."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        ...

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it from its checkpoint.

        Raises
        ------
        ModelFormatError
            If the checkpoint does not fit this release.
        """
        ...


@runtime_checkable
class Serves(Protocol):
    """A report that scorers go by; its versions are named after ``kind``."""

    kind: ClassVar[str]

    def snapshot(self) -> dict[str, Any] | None:
        """Return what serving needs; None while too little is known."""
        ...


@runtime_checkable
class Fits(Protocol):
    """A report with a model that is fitted now and then, which takes up to seconds.

    Who has no time for it calls ``fit`` elsewhere once it is due; else the next milestone does,
    with the same result.
    """

    @property
    def is_fit_due(self) -> bool:
        """Whether a fit is due."""
        ...

    def fit(self) -> None:
        """Fit, if that is due."""
        ...


def day_of(at: datetime) -> int:
    """Return the day of a time in UTC, counted from 1970-01-01.

    >>> day_of(datetime(1970, 1, 3, 23, tzinfo=UTC))
    2
    """
    return (at - EPOCH).days


def date_of(day: int) -> str:
    """Return a day as ISO 8601.

    >>> date_of(20_454)
    '2026-01-01'
    """
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()


def check_currency(checkpoint: Mapping[str, Any], terms: Terms) -> None:
    """Refuse a checkpoint of amounts in another currency.

    Raises
    ------
    ModelFormatError
        If it is.
    """
    found = checkpoint.get("currency")
    if found != terms.currency:
        raise ModelFormatError(
            f"checkpoint is of amounts in {found!r:.20}, not {terms.currency}: the report is "
            "learned anew"
        )


def money(amount_minor: float, currency: str) -> str:
    """Return an amount for people, in major units.

    >>> money(1_234_567, "EUR")
    '12,346 EUR'
    """
    return f"{amount_minor / 100.0:,.0f} {currency}"


def percent(ratio: float | None) -> str:
    """Return a ratio for people; a dash where there is none.

    >>> percent(0.1234), percent(None)
    ('12.3 %', '-')
    """
    return "-" if ratio is None else f"{100.0 * ratio:.1f} %"
