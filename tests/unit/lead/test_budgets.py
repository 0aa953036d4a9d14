import math

import orjson

from stream.lead.actions import parse_catalogue
from stream.lead.budgets import Budgets

DAY_S = 86_400.0


def catalogue(action_budget="", of_the_house="", zone="UTC"):
    return parse_catalogue(
        f"""
[[action]]
name = "letter"
channel = "post"
rules = ["high_intent", "tier_rose", "tier_fell", "absence"]
cost_minor = 150
{action_budget}

[governance]
timezone = "{zone}"
{of_the_house}
"""
    )


def spend(budgets, rules, times, now_s=0.0):
    for _ in range(times):
        budgets.spend(rules.by_name["letter"], now_s, rules)


def left(budgets, rules, now_s=0.0):
    return budgets.left(rules.by_name["letter"], now_s, rules)


def test_without_a_budget_nothing_is_counted():
    budgets, rules = Budgets(), catalogue()
    spend(budgets, rules, 3)
    assert left(budgets, rules) == math.inf
    assert budgets.row() == ["", {}]


def test_the_scarcest_of_times_and_money_by_day_and_month_decides():
    rules = catalogue("budget = { times_per_day = 5, cost_minor_per_day = 460 }")
    assert left(Budgets(), rules) == 3
    rules = catalogue("budget.times_per_day = 5", "budget.cost_minor_per_month = 299")
    assert left(Budgets(), rules) == 1


def test_a_day_is_the_houses_and_a_month_goes_on_through_its_days():
    rules = catalogue(
        "budget = { times_per_day = 2, cost_minor_per_month = 450 }", zone="Asia/Tokyo"
    )
    budgets = Budgets()
    spend(budgets, rules, 2)
    midnight_in_tokyo_s = 15 * 3_600.0
    assert left(budgets, rules, midnight_in_tokyo_s - 1.0) == 0
    assert left(budgets, rules, midnight_in_tokyo_s) == 1
    spend(budgets, rules, 1, midnight_in_tokyo_s)
    assert left(budgets, rules, 20 * DAY_S) == 0
    assert left(budgets, rules, 31 * DAY_S) == 2
    assert left(budgets, rules, 0.0) == 0, "the log's time never goes back, nor does the day"


def test_the_shares_of_all_partitions_are_the_budget():
    for limit in (0, 1, 7, 8, 1_001):
        shares = [Budgets(number, 8).share(limit) for number in range(8)]
        assert sum(shares) == limit
        assert max(shares) - min(shares) <= 1


def test_what_a_restart_reads_goes_on_where_it_was():
    rules = catalogue("budget.times_per_day = 5", "budget.cost_minor_per_day = 10_000")
    budgets = Budgets(1, 2)
    spend(budgets, rules, 1)
    again = Budgets.from_row(orjson.loads(orjson.dumps(budgets.row())), 1, 2)
    assert again == budgets
    spend(again, rules, 1)
    assert budgets.spent["letter"][0] == 1
    assert again.row() == ["1970-01-01", {"letter": [2, 300, 300], "*": [2, 300, 300]}]


def test_what_is_no_longer_counted_is_forgotten_with_its_month():
    rules = catalogue("budget.times_per_day = 5")
    budgets = Budgets(spent={"gone": [3, 4, 5], "letter": [1, 150, 150]}, day="1970-01-01")
    spend(budgets, rules, 1, DAY_S)
    assert budgets.spent == {"gone": [0, 0, 5], "letter": [1, 150, 300]}
    spend(budgets, rules, 1, 31 * DAY_S)
    assert budgets.spent == {"letter": [1, 150, 150]}
