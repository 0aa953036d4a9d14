"""Amounts in major units, as shops send them, as integer minor units."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

_USUAL_DECIMALS = 2
_DECIMALS: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF"), 0)
    | dict.fromkeys(("UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0)
    | dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
    | dict.fromkeys(("CLF", "UYW"), 4)
)
"""Decimals of a currency's minor unit where there are not two (ISO 4217, list one)."""
_MOST = Decimal(2**62)


def minor_units(amount: Any, currency: str) -> int | None:
    """Return an amount in minor units of its currency, halves away from zero; None if it is none.

    >>> minor_units(19.99, "EUR"), minor_units("1200", "JPY"), minor_units(1.2345, "KWD")
    (1999, 1200, 1235)
    >>> minor_units("a lot", "EUR") is None
    True
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        return None
    try:
        value = Decimal(str(amount).strip())
        if not value.is_finite() or abs(value) > _MOST:
            return None
        minor = value.scaleb(_DECIMALS.get(currency, _USUAL_DECIMALS))
        return int(minor.quantize(Decimal(1), ROUND_HALF_UP))
    except InvalidOperation:
        return None
