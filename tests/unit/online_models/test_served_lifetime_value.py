import pytest

from online_models.bg_nbd import BgNbd
from online_models.formats import ModelFormatError
from online_models.gamma_gamma import GammaGamma
from online_models.purchase_history import PurchaseHistory
from online_models.served_lifetime_value import ServedLifetimeValue

SERVED = ServedLifetimeValue(BgNbd(0.243, 30.9, 0.793, 2.426), GammaGamma(9.88, 3.4, 793.0))
WITHOUT_AMOUNTS = ServedLifetimeValue(SERVED.bg_nbd, None)


@pytest.mark.parametrize("served", [SERVED, WITHOUT_AMOUNTS])
def test_a_snapshot_serves_the_same(served):
    assert ServedLifetimeValue.restore(served.snapshot()) == served


def test_silence_makes_customers_worth_less_and_frequency_more():
    often = PurchaseHistory(10, 0, 300, 30_000)
    worth = [SERVED.predict_one(often, 300 + days, 365.0).value_minor for days in (0, 60, 400)]
    assert worth == sorted(worth, reverse=True)
    assert worth[0] > SERVED.predict_one(PurchaseHistory(2, 0, 300, 6_000), 300, 365.0).value_minor


def test_without_amounts_nobody_knows_what_a_new_customer_is_worth():
    assert WITHOUT_AMOUNTS.predict_new_minor(365.0) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2}, {"library": "x"}, {"bg_nbd": [1.0]}, {"bg_nbd": None},
        {"gamma_gamma": [0, 1, 2]}, {"gamma_gamma": [9.0, 0.5, 2.0]},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(change):
    with pytest.raises(ModelFormatError):
        ServedLifetimeValue.restore(SERVED.snapshot() | change)
