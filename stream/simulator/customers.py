"""After winning: satisfaction, further purchases, and who leaves."""

from math import exp
from random import Random

from stream.simulator.prospect import Prospect
from stream.simulator.sales import draw_repeat_value_minor
from stream.simulator.world import CHURNED, WorldParameters

_DRIFT_PER_DAY = 0.01
_SURVEY_DAYS = (14, 74, 134)
_SURVEY_RATIO = 0.25
"""The demo's: a quarter answer, two weeks after they bought; here every two months again."""
_WARMTH_TO_REPEAT = 8.0


def needed_satisfaction(intent: float) -> float:
    """Return the satisfaction that a customer without care drifts to: who needed it less, less.

    >>> needed_satisfaction(0.72), round(needed_satisfaction(0.5), 2)
    (0.5, 0.39)
    """
    return min(0.9, max(0.1, 0.5 + 0.5 * (intent - 0.72)))


def churn_per_day(parameters: WorldParameters, satisfaction: float) -> float:
    """Return the rate at which customers of this satisfaction leave."""
    per_day = parameters.churn_per_month / 30.4
    return per_day * exp(-parameters.churn_steepness * (satisfaction - 0.5))


def repeat_per_day(parameters: WorldParameters, satisfaction: float, warmth: float) -> float:
    """Return the rate at which a customer buys again; what it was shown lately adds to it."""
    lift = 1.0 + _WARMTH_TO_REPEAT * max(0.0, warmth)
    return parameters.repeat_per_day * exp(2.0 * (satisfaction - 0.5)) * lift


def greet_customer(prospect: Prospect, rng: Random) -> None:
    """Let a new customer be as satisfied as its need and chance make it."""
    middle = needed_satisfaction(prospect.hidden.intent) + 0.05
    prospect.hidden.satisfaction = min(1.0, max(0.0, rng.gauss(middle, 0.15)))


def customer_day(parameters: WorldParameters, prospect: Prospect, rng: Random) -> None:
    """Let a customer's day pass: use, a survey, a further purchase, or the end."""
    hidden = prospect.hidden
    satisfaction = hidden.satisfaction
    satisfaction += (needed_satisfaction(hidden.intent) - satisfaction) * _DRIFT_PER_DAY
    hidden.satisfaction = satisfaction
    random = rng.random
    if random() < 0.05 + 0.25 * satisfaction:
        prospect.visits += 1
        prospect.visits_week += 1.0
        prospect.visits_month += 1.0
        prospect.active_day = prospect.day
        prospect.happened.append("use")
    since_won = prospect.day - (prospect.won_day or 0)
    if since_won in _SURVEY_DAYS and random() < _SURVEY_RATIO:
        prospect.survey = min(1.0, max(0.0, round(rng.gauss(satisfaction, 0.15), 1)))
        prospect.happened.append("satisfaction")
    if random() < repeat_per_day(parameters, satisfaction, hidden.warmth):
        prospect.deals += 1
        prospect.value_minor += draw_repeat_value_minor(rng)
        prospect.happened.append("purchase")
    if random() < churn_per_day(parameters, satisfaction):
        prospect.enter(CHURNED, "churned")
