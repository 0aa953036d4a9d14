"""An oracle: it knows the hidden state and the parameters, and looks one action ahead.

For each action it computes what it would change, in reward, from the true dynamics: the share
that buys, how likely it comes to a decision at all, satisfaction, further purchases, what
fatigue and unsubscribing cost. It is an index policy: the gain above doing nothing is the
priority, and what gains less than ``price`` is left undone. How likely a lead decides, by
stage, intent and whether it is active, is counted in a simulation under rules.

It knows neither the dice nor the whole future, so the best possible policy may be better: as the
upper end of a scale it is a lower bound of it.
"""

from collections import defaultdict
from collections.abc import Sequence
from math import erf, exp, log, sqrt
from random import Random
from typing import NamedTuple

from stream.simulator.customers import churn_per_day, repeat_per_day
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_policies import CONTACTS, RulesPolicy, mean_reward
from stream.simulator.prospect import NEVER, Prospect
from stream.simulator.responses import bounded_intent
from stream.simulator.rewards import RewardWeights
from stream.simulator.sales import win_ratio
from stream.simulator.sight import Proposal, Sight
from stream.simulator.world import (
    ACTIONS,
    CALL,
    CUSTOMER,
    DEMO_INVITE,
    DISCOUNT,
    ENGAGED,
    KNOWN,
    NOTHING,
    OPPORTUNITY,
    QUALIFIED,
    WorldParameters,
)

_MEAN_FIRST_DEAL = 0.23
"""Of a company of no size, in units of 10,000 euros: exp(7.5 + .5 ** 2 / 2) euros."""
_MEAN_REPEAT = 0.2025
_DRIFT_PER_DAY = 0.01
_HARM_UNIT = 0.02
_Key = tuple[int, bool, int]
Reach = dict[_Key, float]
"""How likely a lead decides: by stage, whether it is active, and fifth of intent."""


class _Outlook(NamedTuple):
    """What an undecided lead comes to if it is left alone.

    How much warmth is left at its decision, how much room there is for more, the intent that it
    decides with, the share that buys then, how likely it decides at all, what its deal is worth,
    and what winning it is worth.
    """

    warmth_left: float
    room: float
    intent: float
    share: float
    reach: float
    deal: float
    worth: float


class OraclePolicy:
    """The index policy of an oracle.

    Parameters
    ----------
    parameters
        The world.
    rewards
        How what happens is weighed.
    price
        The least gain for which a contact is spent; choose it by ``tuned_oracle``.
    fatigue_price
        What a unit of load (fatigue over tolerance) costs in later answers, as a share of what
        the lead is worth.
    """

    def __init__(
        self,
        parameters: WorldParameters,
        rewards: RewardWeights | None = None,
        *,
        price: float = 0.002,
        fatigue_price: float = 0.01,
        reach: Reach | None = None,
    ) -> None:
        self.parameters = parameters
        self.rewards = rewards or RewardWeights()
        self.price = price
        self.fatigue_price = fatigue_price
        self._pipeline = Pipeline(parameters)
        self.reach = reach or counted_reach(parameters)
        per_day = log(2.0) / parameters.warmth_half_life_days
        at_decision = parameters.decision_per_day / (parameters.decision_per_day + per_day)
        self._warmth_left = {
            KNOWN: at_decision * 0.7,
            ENGAGED: at_decision * 0.7,
            QUALIFIED: at_decision * 0.85,
            OPPORTUNITY: at_decision,
        }

    def propose(self, sight: Sight, rng: Random) -> Proposal:  # noqa: ARG002
        """Propose the action that gains most, if any gains enough."""
        gains = self.gains(sight.truth)
        gain = max(gains)
        if gain <= self.price:
            return Proposal(NOTHING)
        return Proposal(CONTACTS[gains.index(gain)], gain)

    def gains(self, prospect: Prospect) -> list[float]:
        """Return what each action but nothing gains, in reward, by the order of ``ACTIONS``."""
        if prospect.hidden.is_elsewhere:
            return [-self._cost(action) for action in CONTACTS]
        if prospect.stage == CUSTOMER:
            return [self._customer_gain(prospect, action) for action in CONTACTS]
        outlook = self._outlook(prospect)
        return [self._lead_gain(prospect, outlook, action) for action in CONTACTS]

    def _share(self, prospect: Prospect, intent: float) -> float:
        """Return the chance to buy at the next decision, after what was refused before."""
        refused = prospect.hidden.refused
        ratio = win_ratio(bounded_intent(intent), self.parameters.win_midpoint)
        return max(0.0, ratio - refused) / max(1e-9, 1.0 - refused)

    def _reach(self, stage: int, is_active: bool, intent: float) -> float:
        return self.reach.get((stage, is_active, int(intent * 4.999)), 0.0)

    def _outlook(self, prospect: Prospect) -> "_Outlook":
        hidden, left = prospect.hidden, self._warmth_left[prospect.stage]
        on_the_way = sum(effect.warmth for effect in hidden.pending)
        intent = bounded_intent(hidden.intent + left * (hidden.warmth + on_the_way))
        deal = _MEAN_FIRST_DEAL * (1.0 + float(prospect.company_size) ** 0.4)
        return _Outlook(
            warmth_left=left,
            room=max(0.0, 1.0 - on_the_way / self.parameters.warmth_limit),
            intent=intent,
            share=self._share(prospect, intent),
            reach=self._reach(prospect.stage, hidden.next_visit_day != NEVER, hidden.intent),
            deal=deal,
            worth=self.rewards.won + self.rewards.value * deal + 0.7 * self.rewards.retained,
        )

    def _lead_gain(self, prospect: Prospect, outlook: "_Outlook", action: int) -> float:
        parameters = self.parameters
        chance = self._pipeline.chances(prospect, action)
        left, room, intent, share, now, deal, worth = outlook
        warmer = self._share(prospect, intent + left * (chance.warmth * room - chance.harm))
        colder = self._share(prospect, intent - left * chance.harm) if chance.harm else share
        reach = self._reach_after(prospect, action)
        gain = chance.answered * reach * warmer + (1.0 - chance.answered) * now * colder
        gain = worth * (gain - now * share)
        if action == DISCOUNT:
            soon = 1.0 - exp(-parameters.decision_per_day * parameters.discount_days)
            given = self.rewards.value * deal * parameters.discount_ratio
            gain -= chance.answered * reach * warmer * soon * given
        gain += chance.answered * self._gained_stage(prospect, action)
        return gain - self._costs(prospect, action, chance.unsubscribes, worth * share)

    def _reach_after(self, prospect: Prospect, action: int) -> float:
        stage, intent = prospect.stage, prospect.hidden.intent
        if stage >= OPPORTUNITY:
            return self._reach(stage, True, intent)
        if action in {CALL, DEMO_INVITE}:
            accepted = self._accepted(prospect)
            refused = self._reach(ENGAGED if stage == QUALIFIED else stage, True, intent)
            return accepted * self._reach(OPPORTUNITY, True, intent) + (1 - accepted) * refused
        return self._reach(max(stage, ENGAGED), True, intent)

    def _gained_stage(self, prospect: Prospect, action: int) -> float:
        if action in {CALL, DEMO_INVITE} and prospect.stage < OPPORTUNITY:
            steps = (OPPORTUNITY - prospect.stage) * self._accepted(prospect)
        else:
            steps = float(prospect.stage == KNOWN)
        # A stage is paid once; a recycled lead has had it.
        return 0.0 if prospect.refusals else self.rewards.stage_gained * steps

    def _accepted(self, prospect: Prospect) -> float:
        return 0.5 * (1.0 + erf((prospect.intent - 0.42) / (0.22 * sqrt(2.0))))

    def _customer_gain(self, prospect: Prospect, action: int) -> float:
        parameters, hidden = self.parameters, prospect.hidden
        chance = self._pipeline.chances(prospect, action)
        satisfaction = hidden.satisfaction
        days = (prospect.won_day or 0) + parameters.customer_days - prospect.day
        care = parameters.satisfaction_from_care * max(0.0, hidden.traits.openness)
        change = chance.answered * care * (1.0 - satisfaction)
        change -= parameters.satisfaction_harm * chance.harm / _HARM_UNIT
        change_days = change * (1.0 - exp(-_DRIFT_PER_DAY * days)) / _DRIFT_PER_DAY
        rate = churn_per_day(parameters, satisfaction)
        stays = exp(-rate * days)
        saved = stays * (exp(rate * parameters.churn_steepness * change_days) - 1.0)
        gain = saved * (self.rewards.retained - self.rewards.churned)
        repeats = repeat_per_day(parameters, satisfaction, 0.0)
        warm_days = parameters.warmth_half_life_days / log(2.0)
        warm_days *= 1.0 - exp(-days / warm_days)
        bought = repeats * (2.0 * change_days + 8.0 * chance.answered * chance.warmth * warm_days)
        gain += self.rewards.value * _MEAN_REPEAT * bought
        return gain - self._costs(prospect, action, chance.unsubscribes, 0.1 * (1.0 - stays))

    def _costs(self, prospect: Prospect, action: int, unsubscribes: float, worth: float) -> float:
        effect = self.parameters.actions[ACTIONS[action]]
        load = effect.fatigue / prospect.hidden.traits.tolerance
        lost = unsubscribes * (0.2 * worth - self.rewards.unsubscribed)
        return self._cost(action) + lost + self.fatigue_price * load * worth

    def _cost(self, action: int) -> float:
        effect = self.parameters.actions[ACTIONS[action]]
        return -self.rewards.contact - self.rewards.cost * effect.cost_minor / 1_000_000


def counted_reach(parameters: WorldParameters, leads: int = 1_500, seed: int = 0) -> Reach:
    """Count how likely leads come to a decision yet: by stage, activity and fifth of intent."""
    pipeline, rules = Pipeline(parameters), RulesPolicy()
    counts: dict[_Key, list[int]] = defaultdict(lambda: [0, 0])
    for number in range(leads):
        rng = Random(f"{seed}/reach/{number}")  # noqa: S311 - repeatable, not secret
        prospect = pipeline.named_lead(rng)
        seen: list[tuple[_Key, int]] = []
        hidden = prospect.hidden
        while not prospect.is_over and prospect.stage != CUSTOMER:
            if prospect.day % 5 == 0 and not hidden.is_elsewhere:
                active = hidden.next_visit_day != NEVER
                key = (prospect.stage, active, int(hidden.intent * 4.999))
                seen.append((key, hidden.decisions))
            pipeline.day(prospect, rules.propose(Sight(prospect), rng).action, rng)
        for key, decisions in seen:
            counts[key][0] += hidden.decisions > decisions
            counts[key][1] += 1
    return {key: (decided + 0.5) / (total + 1.0) for key, (decided, total) in counts.items()}


def tuned_oracle(
    parameters: WorldParameters,
    *,
    seeds: Sequence[int],
    leads: int,
    contact_budget: int,
    rewards: RewardWeights | None = None,
    prices: Sequence[float] = (0.0005, 0.002, 0.005),
    fatigue_prices: Sequence[float] = (0.0, 0.04),
) -> OraclePolicy:
    """Return the oracle whose prices earned the highest mean reward under the budget."""
    reach = counted_reach(parameters)
    oracles = [
        OraclePolicy(parameters, rewards, price=price, fatigue_price=fatigue, reach=reach)
        for price in prices
        for fatigue in fatigue_prices
    ]
    return max(
        oracles,
        key=lambda oracle: mean_reward(oracle, parameters, seeds, leads, contact_budget, rewards),
    )
