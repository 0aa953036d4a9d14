"""What stands in for a group is named, by itself; what does not is not."""

from random import Random

import pytest

from online_models.proxies import proxies
from online_models.reservoir import Reservoir


def leads(seed, count, features, member_share=0.5):
    """Return rows whose features are functions of being a member and of chance."""
    rng = Random(seed)
    rows = []
    for _ in range(count):
        is_member = rng.random() < member_share
        x = {name: draw(is_member, rng) for name, draw in features.items()}
        rows.append(({n: v for n, v in x.items() if v is not None}, "ab"[is_member]))
    return rows


NOISE = {f"noise{i}": lambda _, rng: rng.gauss(0, 1) for i in range(10)}


def test_numbers_and_categories_that_tell_a_group_are_named_strongest_first():
    features = {
        "title": lambda member, rng: ("Ms" if rng.random() < 0.95 else "Mr") if member else "Mr",
        "income": lambda member, rng: rng.gauss(2.0 * member, 1),
        "visits": lambda member, rng: rng.gauss(0.2 * member, 1),
        **NOISE,
    }
    found = proxies(leads(1, 1_000, features))
    assert [p.feature for p in found] == ["title", "income"]
    assert found[0].auc == pytest.approx(0.975, abs=0.02)
    assert found[1].auc == pytest.approx(0.92, abs=0.03)  # a gap of two deviations


def test_a_group_of_the_middle_is_told_by_its_middle_values():
    features = {"age": lambda member, rng: rng.gauss(0, 0.2) if member else rng.choice((-2.0, 2.0))}
    (found,) = proxies(leads(2, 400, features))
    assert found.auc > 0.95


def test_whether_a_feature_is_there_at_all_tells_as_well():
    features = {"count:men_page": lambda member, _: None if member else 1.0}
    (found,) = proxies(leads(3, 400, features))
    assert found.auc == 1.0


def test_a_name_of_its_own_for_every_lead_tells_nothing():
    features = {"company": lambda _, rng: f"c{rng.getrandbits(60)}", **NOISE}
    assert proxies(leads(4, 1_000, features)) == []


@pytest.mark.parametrize("member_share", [0.05, 0.5])
def test_where_nothing_tells_a_group_nothing_is_named(member_share):
    named = [proxies(leads(seed, 700, NOISE, member_share)) for seed in range(12)]
    assert sum(map(bool, named)) <= 2


def test_each_of_several_groups_is_looked_for():
    rng = Random(5)
    groups = [rng.choice("abcd") for _ in range(800)]
    rows = [({"speaks": "fr" if g == "c" else "en"}, g) for g in groups]
    (found,) = proxies(rows)
    assert (found.feature, found.group, found.auc) == ("speaks", "c", 1.0)


def test_of_several_views_of_a_fact_the_fact_is_named_once():
    rows = [
        ({"attribute:age": float(n % 2), "attribute_log:age": float(n % 2)}, "ab"[n % 2])
        for n in range(100)
    ]
    assert len(proxies(rows)) == 2
    (found,) = proxies(rows, fact_of=lambda name: name.replace("_log", ""))
    assert found.feature == "attribute:age"


@pytest.mark.parametrize("rows", [[], [({"a": 1.0}, "g")] * 100, [({"a": 1.0}, "g"), ({}, "h")]])
def test_too_few_rows_or_groups_say_nothing(rows):
    assert proxies(rows) == []


def test_the_sample_is_uniform_bounded_and_the_same_again():
    kept = [0] * 10
    for seed in range(2_000):
        reservoir = Reservoir(3, seed)
        for n in range(10):
            reservoir.add(n)
        assert len(reservoir.rows) == 3
        for n in reservoir.rows:
            kept[n] += 1
    assert all(520 < count < 680 for count in kept)
