"""What customers have bought, and what they buy next."""

import math
from dataclasses import replace

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, LeadStream, event

from schemas import topics
from stream.lead.purchases import MAX_CURRENCIES, MAX_PRODUCTS, Purchases
from stream.lead.state import StateFormatError
from stream.lead.stored_form import decode_state, encode_state, read_row
from stream.lead.stored_state import check_state

SELLING = replace(
    HOUSE,
    tasks=frozenset({"p_purchase"}),
    products=("Seats", "Support"),
    purchase_horizon_s=10 * DAY_S,
    samples_per_lead=4,
)


def buy(name, after_s, product="Seats", value_minor=5_000, currency="EUR"):
    return event(
        "purchase", name, after_s, lead_id="L",
        value_minor=value_minor, currency=currency, product=product,
    )  # fmt: skip


def told(stream, task="p_purchase"):
    return [b["y"] for b in stream.bodies(topics.TRAINING_EXAMPLES) if b["model"] == task]


def test_recency_frequency_value_and_products_are_features():
    bought = Purchases()
    bought.add({"value_minor": 900, "currency": "EUR", "product": "Seats"}, 100.0)
    bought.add({"value_minor": 1_100, "currency": "EUR", "product": "Seats"}, 200.0)
    assert bought.features(260.0) == pytest.approx(
        {
            "purchases": math.log(3),
            "since_last_purchase": math.log(61),
            "purchase_value:EUR": math.log(1_001),
            "bought:Seats": math.log(3),
        }
    )


def test_what_is_kept_of_purchases_is_bounded():
    bought = Purchases()
    overflows = 0
    for n in range(100):
        currency = chr(65 + n % 26) * 3
        purchase = {"value_minor": 10**30, "currency": currency, "product": f"{n} {'p' * 200}"}
        overflows += bought.add(purchase, float(n))
    assert (len(bought.products), len(bought.value_minor)) == (MAX_PRODUCTS, MAX_CURRENCIES)
    assert overflows > 0
    assert len(orjson.dumps(bought.to_json())) < 1_024


def test_the_next_purchase_within_the_horizon_labels_what_was_scored_since_the_last():
    stream = LeadStream(house=SELLING)
    stream.send(
        event("page_view", "v", 0, lead_id="L"),
        event("outcome", "o", 60, lead_id="L"),
        event("page_view", "w", DAY_S, lead_id="L"),
        buy("one", 2 * DAY_S),
        buy("two", 3 * DAY_S, "Support"),
    )
    assert told(stream) == [True, True, True]
    assert told(stream, "p_purchase_seats") == [True, True, False]
    assert told(stream, "p_purchase_support") == [False, False, True]
    stream.tick(13 * DAY_S)
    assert told(stream) == [True, True, True, False]


def test_a_lead_that_has_not_bought_is_no_customer():
    stream = LeadStream(house=SELLING)
    stream.send(event("page_view", "v", 0, lead_id="L"))
    stream.tick(20 * DAY_S)
    assert stream.lead("L").purchases is None
    assert told(stream) == []


def test_a_purchase_that_is_told_late_labels_what_was_scored_before_it_only():
    stream = LeadStream(house=SELLING)
    stream.send(
        event("outcome", "o", 0, lead_id="L"),
        event("page_view", "v", DAY_S, lead_id="L"),
        event("page_view", "w", 3 * DAY_S, lead_id="L"),
        buy("late", 2 * DAY_S),
    )
    assert told(stream) == [True, True]
    bought = stream.lead("L").purchases
    assert bought is not None
    assert len(bought.samples) == 2


def test_purchases_are_known_whether_or_not_they_are_learned():
    stream = LeadStream(house=replace(HOUSE, tasks=frozenset()))
    stream.send(buy("one", 0))
    stream.tick(100 * DAY_S)
    bought = stream.lead("L").purchases
    assert bought is not None
    assert (bought.count, bought.samples) == (1, [])
    assert told(stream) == []


def test_histories_that_join_add_up():
    stream = LeadStream(house=SELLING)
    stream.send(buy("one", 0), buy("two", 60, "Support"))
    stream.send({**buy("three", 90), "lead_id": "M"})
    stream.send(event("lead_merge", "m", 100, lead_id="M", into_lead_id="L"))
    bought = stream.lead("L").purchases
    assert bought is not None
    assert (bought.count, bought.products) == (3, {"Seats": 2, "Support": 1})
    assert bought.value_minor == {"EUR": 15_000}


def test_a_customers_state_survives_a_restart_and_is_looked_at_whole():
    stream = LeadStream(house=SELLING)
    stream.send(buy("one", 0), event("page_view", "v", 60, lead_id="L"))
    state = stream.lead("L")
    stored = encode_state(state)
    check_state(read_row(stored).body)
    assert decode_state(stored).to_json() == state.to_json()
    broken = orjson.loads(read_row(stored).body)
    broken["purchases"][3] = {"Seats": -1}
    with pytest.raises(StateFormatError, match="purchases"):
        check_state(orjson.dumps(broken))
