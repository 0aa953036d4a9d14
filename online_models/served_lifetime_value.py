"""One version of lifetime value, serving: seven parameters, and what they say of one customer."""

from collections.abc import Mapping
from dataclasses import astuple
from typing import Annotated, Any, NamedTuple, Protocol

from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.bg_nbd import BgNbd
from online_models.expected_value import LifetimeValue, lifetime_value
from online_models.gamma_gamma import GammaGamma
from online_models.purchase_history import PurchaseHistory

SCHEMA = 1
LIBRARY = "leadstream lifetime value"

Positive = Annotated[float, Field(ge=1e-20, le=1e20)]
FourPositive = Annotated[list[Positive], Field(min_length=4, max_length=4)]
ThreePositive = Annotated[list[Positive], Field(min_length=3, max_length=3)]


@with_config(formats.STRICT)
class _Snapshot(TypedDict):
    schema: int
    library: str
    bg_nbd: FourPositive
    gamma_gamma: ThreePositive | None


_SNAPSHOT: TypeAdapter[Any] = TypeAdapter(_Snapshot)


class PredictsLifetimeValue(Protocol):
    """What tells what customers, and leads that become some, are worth."""

    def predict_one(
        self, history: PurchaseHistory, today: int, horizon_days: float
    ) -> LifetimeValue:
        """Return what to expect of a customer."""
        ...

    def predict_new_minor(self, horizon_days: float) -> float | None:
        """Return what a new customer is worth; None while too few amounts are known."""
        ...


class ServedLifetimeValue(NamedTuple):
    """BG/NBD and, where enough amounts are known, gamma-gamma.

    Examples
    --------
    >>> served = ServedLifetimeValue(BgNbd(0.243, 30.9, 0.793, 2.426), GammaGamma(9.88, 3.4, 793.0))
    >>> round(served.predict_new_minor(365.25))
    7734
    """

    bg_nbd: BgNbd
    gamma_gamma: GammaGamma | None

    def predict_one(
        self, history: PurchaseHistory, today: int, horizon_days: float
    ) -> LifetimeValue:
        """Return what to expect of a customer within a horizon, as ``lifetime_value`` does."""
        return lifetime_value(self.bg_nbd, self.gamma_gamma, history, today, horizon_days)

    def predict_new_minor(self, horizon_days: float) -> float | None:
        """Return what a new customer's first purchase and those within a horizon are worth."""
        if self.gamma_gamma is None:
            return None
        first = float(self.gamma_gamma.expected_spend(0, 0.0))
        new = PurchaseHistory(1, 0, 0, round(first))
        return first + (self.predict_one(new, 0, horizon_days).value_minor or 0.0)

    def snapshot(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        gamma_gamma = None if self.gamma_gamma is None else list(astuple(self.gamma_gamma))
        return {
            "schema": SCHEMA,
            "library": LIBRARY,
            "bg_nbd": list(astuple(self.bg_nbd)),
            "gamma_gamma": gamma_gamma,
        }

    @classmethod
    def restore(cls, snapshot: Mapping[str, Any]) -> "ServedLifetimeValue":
        """Rebuild it.

        Raises
        ------
        ModelFormatError
            If the snapshot is of another schema, or broken.
        """
        formats.check_origin(snapshot, SCHEMA, LIBRARY)
        state = formats.validated(_SNAPSHOT, snapshot, "lifetime value")
        try:
            gamma_gamma = GammaGamma(*state["gamma_gamma"]) if state["gamma_gamma"] else None
            return cls(BgNbd(*state["bg_nbd"]), gamma_gamma)
        except ValueError as error:
            raise formats.ModelFormatError(f"lifetime value is broken: {error}") from None
