"""A customer's purchases in four numbers: whatever their order, and only what can be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.purchase_history import LARGEST_DAY, LARGEST_SPEND_MINOR, PurchaseHistory


def folded(purchases):
    (day, spend_minor), *others = purchases
    history = PurchaseHistory(1, day, day, spend_minor)
    for day, spend_minor in others:
        history = history.with_purchase(day, spend_minor)
    return history


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(-100, 10_000)), min_size=1, max_size=20))
def test_purchases_in_order_count_by_their_days(purchases):
    days = {day for day, _ in purchases}
    history = folded(sorted(purchases))
    assert history == PurchaseHistory(
        len(days), min(days), max(days), sum(amount for _, amount in purchases)
    )
    assert history.repeats == len(days) - 1
    assert history.age_days(30) == 30 - min(days)


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=20, unique=True),
    st.randoms(use_true_random=False),
)
def test_late_purchases_count_the_same_if_their_days_are_new(days, random):
    shuffled = random.sample(days, len(days))
    assert folded([(d, 1) for d in shuffled]) == folded([(d, 1) for d in sorted(days)])


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40))
def test_there_are_never_more_purchases_than_days(days):
    history = folded([(day, 1) for day in days])
    assert len(set(days)) <= history.purchases <= history.recency_days + 1


@pytest.mark.parametrize(
    ("numbers", "field"),
    [
        ((0, 0, 0, 0), "purchases"),
        ((3, 0, 1, 0), "purchases"),
        ((1, 0, 1, 0), "purchases"),
        ((2, 1, 0, 0), "last_day"),
        ((1, LARGEST_DAY + 1, LARGEST_DAY + 1, 0), "first_day"),
        ((1, 0.0, 0, 0), "first_day"),
        ((1, 0, 0, LARGEST_SPEND_MINOR + 1), "spend_minor"),
        ((True, 0, 0, 0), "purchases"),
    ],
)
def test_what_cannot_be_is_refused(numbers, field):
    with pytest.raises(ValueError, match=field):
        PurchaseHistory(*numbers)


def test_a_day_before_the_last_purchase_is_refused():
    with pytest.raises(ValueError, match="day is 4"):
        PurchaseHistory(2, 0, 5, 100).age_days(4)
    with pytest.raises(ValueError, match="spend_minor"):
        PurchaseHistory(2, 0, 5, 100).with_purchase(6, 1.5)
