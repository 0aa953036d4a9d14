"""What customers will still buy, and which of them are gone."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from online_models import formats
from online_models.lifetime_value import LifetimeValueModel
from online_models.purchase_history import PurchaseHistory
from online_models.served_lifetime_value import ServedLifetimeValue
from schemas.milestones import InflowCounted, Milestone, PurchasesChanged
from stream.reports.report import (
    Bars,
    Table,
    Terms,
    View,
    check_currency,
    date_of,
    day_of,
    money,
    percent,
)

SCHEMA = 1
LIBRARY = "leadstream lifetime value report"
HORIZON_DAYS = 365
_SILENT_DAYS = (0, 30, 60, 90, 180, 365)
_SHOWN_REPEATS = (0, 1, 3, 9)
"""Purchases after the first that examples are given for."""


class LifetimeValueReport:
    """Lifetime value and churn.

    Parameters
    ----------
    terms
        Purchases in other currencies are counted, and nothing more.
    """

    name: ClassVar[str] = "lifetime_value"
    kind: ClassVar[str] = "bg_nbd"

    def __init__(self, terms: Terms) -> None:
        self.model = LifetimeValueModel()
        self._currency = terms.currency
        self._customers = 0
        self._purchases = 0
        self._in_other_currencies = 0
        self._today = 0
        self.is_fit_due = False

    def learn(self, milestone: Milestone) -> None:
        """Take in a purchase; with each new day, that the others have stayed silent."""
        self.fit()
        today = max(self._today, day_of(milestone.occurred_at))
        if isinstance(milestone, PurchasesChanged):
            if milestone.currency != self._currency:
                self._in_other_currencies += 1
                return
            before = [_history(**one.model_dump()) for one in milestone.before]
            after = None if milestone.after is None else _history(**milestone.after.model_dump())
            if after is not None:
                today = max(today, after.last_day)
            unknown = self.model.change(before, after, today)
            self._customers += (after is not None) - (len(before) - unknown)
            self._purchases += milestone.value_minor != 0
            self._today = today
        elif isinstance(milestone, InflowCounted) and today > self._today:
            self._today = today
            self.is_fit_due = True

    def fit(self) -> None:
        """Fit the models as of a new day, if that is due; it takes some tenths of a second."""
        if self.is_fit_due:
            self.is_fit_due = False
            self.model.refit(self._today)

    def snapshot(self) -> dict[str, Any] | None:
        """Return what serving needs; None while too little is known."""
        self.fit()
        if self.model.bg_nbd is None:
            return None
        return ServedLifetimeValue(self.model.bg_nbd, self.model.gamma_gamma).snapshot()

    def figures(self, today: int) -> dict[str, Any]:
        """Return the models' parameters, and what they say of customers of each kind."""
        self.fit()
        model = self.model
        today = max(today, self._today)
        told: dict[str, Any] = {
            "currency": self._currency,
            "as_of": date_of(today),
            "customers": self._customers,
            "purchases": self._purchases,
            "in_other_currencies": self._in_other_currencies,
            "horizon_days": HORIZON_DAYS,
            "bg_nbd": None,
            "gamma_gamma": None,
            "examples": [],
        }
        if model.bg_nbd is None:
            return told
        bg_nbd, gamma_gamma = model.bg_nbd, model.gamma_gamma
        told["bg_nbd"] = {n: round(getattr(bg_nbd, n), 6) for n in ("r", "alpha", "a", "b")}
        if gamma_gamma is not None:
            told["gamma_gamma"] = {
                n: round(getattr(gamma_gamma, n), 6) for n in ("p", "q", "gamma")
            }
        told["examples"] = [
            _example(model, repeats, silent_days)
            for repeats in _SHOWN_REPEATS
            for silent_days in _SILENT_DAYS
        ]
        return told

    @staticmethod
    def view(figures: Mapping[str, Any]) -> View:
        """Say what customers are worth."""
        customers = f"{figures['customers']:,} customers with {figures['purchases']:,} purchases"
        if figures["bg_nbd"] is None:
            return View(
                [f"{customers}: too few have bought again to say what they will still buy."], []
            )
        heads = ["bought", "silent for", "still a customer", "buys within a year", "purchases"]
        has_value = figures["gamma_gamma"] is not None
        rows = [
            [
                f"{one['purchases']} x",
                f"{one['silent_days']} days",
                percent(one["alive_probability"]),
                percent(one["purchase_probability"]),
                f"{one['expected_purchases']:.2f}",
                *([money(one["value_minor"], figures["currency"])] if has_value else []),
            ]
            for one in figures["examples"]
        ]
        table = Table(
            "What to expect of customers, the next year",
            [*heads, "value"] if has_value else heads,
            rows,
        )
        return View([f"{customers}, as of {figures['as_of']}."], [table])

    @staticmethod
    def plots(figures: Mapping[str, Any]) -> Sequence[Bars]:
        """Return how the chance to see a customer again falls while it is silent."""
        often = [one for one in figures["examples"] if one["purchases"] == 1 + _SHOWN_REPEATS[-1]]
        if not often:
            return []
        return [
            Bars(
                f"Customers with {often[0]['purchases']} purchases buy again, by silence so far",
                [f"{one['silent_days']} days" for one in often],
                [100.0 * one["purchase_probability"] for one in often],
                "%",
            )
        ]

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state."""
        self.fit()
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "currency": self._currency,
            "customers": self._customers,
            "purchases": self._purchases,
            "in_other_currencies": self._in_other_currencies,
            "today": self._today,
            "model": self.model.checkpoint(),
        }

    @classmethod
    def restore(cls, checkpoint: dict[str, Any], terms: Terms) -> Self:
        """Rebuild it."""
        formats.check_origin(checkpoint, SCHEMA, LIBRARY)
        check_currency(checkpoint, terms)
        report = cls(terms)
        counts = [
            checkpoint.get(n) for n in ("customers", "purchases", "in_other_currencies", "today")
        ]
        if not all(type(count) is int for count in counts):
            raise formats.ModelFormatError("checkpoint is broken: counts: see who wrote it")
        report._customers, report._purchases, report._in_other_currencies, report._today = counts  # type: ignore[assignment]
        report.model = LifetimeValueModel.restore(checkpoint.get("model", {}))
        return report


def _history(**numbers: int) -> PurchaseHistory:
    return PurchaseHistory(**numbers)


def _example(model: LifetimeValueModel, repeats: int, silent_days: int) -> dict[str, Any]:
    """Return what is to be expected of a customer who bought monthly, then no more."""
    last_day = 30 * repeats
    spend_minor = 0
    history = PurchaseHistory(1 + repeats, 0, last_day, spend_minor)
    found = model.predict_one(history, last_day + silent_days, HORIZON_DAYS)
    return {
        "purchases": 1 + repeats,
        "silent_days": silent_days,
        "alive_probability": found.alive_probability if found else None,
        "purchase_probability": found.purchase_probability if found else None,
        "expected_purchases": found.expected_purchases if found else None,
        "value_minor": found.value_minor if found else None,
    }
