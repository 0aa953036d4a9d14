"""Journeys to attribute, and what tests ask of a model that has learned them."""

from fractions import Fraction

from hypothesis import strategies as st

from online_models.attribution import Attribution

NAMES = ("ads", "mail", "call", "fair")
Row = tuple[list[str], bool, int, int]
JOURNEYS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=6),
        st.booleans(),
        st.integers(0, 1_000),
        st.integers(1, 3),
    ),
    min_size=1,
    max_size=12,
)


def learned(rows: list[Row], **parameters: float) -> Attribution:
    model = Attribution(**parameters)
    for journey, is_converted, value_minor, count in rows:
        model.learn_one(journey, is_converted, value_minor=value_minor * is_converted, count=count)
    return model


def conversions(model: Attribution, method: str, **chain: object) -> dict[str, Fraction]:
    found = model.credits(method, **chain)
    return {name: credit.conversions for name, credit in found.items() if credit.conversions}
