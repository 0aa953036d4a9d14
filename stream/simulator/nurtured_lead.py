"""One simulated lead, nurtured as leadstream would: its events fold through the real decisions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

import orjson

from online_models.policy.protocol import Choice
from online_models.protocols import Features, Scorer
from schemas import topics
from stream.lead import decide, lead_timers
from stream.lead.budgets import Budgets
from stream.lead.house import House
from stream.lead.outputs import epoch_s
from stream.lead.state import LeadState
from stream.lead.triggers import Chooser, Nurture
from stream.simulator.pipeline import Pipeline
from stream.simulator.pipeline_log import CONTACT, PURPOSES, LeadLog
from stream.simulator.prospect import Prospect
from stream.simulator.rewards import RewardOfDay, RewardWeights
from stream.simulator.world import ACTIONS, NOTHING

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
_DAYS = 28
"""Over which leads enter, by turns, so that quiet hours and week-ends concern all alike."""
_WORKING_MINUTES = 480

Choose = Callable[[Prospect, Features, Sequence[str], Random], Choice]
"""Chooses a candidate by what leadstream knows of a lead; a guide may look at the lead itself."""
Likeness = Mapping[str, str]
"""Action of the house -> the simulator's action that happens to the lead."""


def simulated_house(house: House) -> House:
    """Return a house as simulated leads live in: nobody is held out, nothing is learned.

    Its catalogue, rules, tiers, caps, cooldowns and quiet hours stay.
    """
    return replace(
        house, holdout_share=0.0, logs_decisions=False, policy_mode="serve", tasks=frozenset()
    )


class NurturedLead:
    """A lead of the pipeline whose contacts are leadstream's nurture triggers, nothing else.

    Each day's events go through ``stream.lead.decide`` and timers fire when they are due; what
    is decided happens on the lead's next day, one contact a day. Budgets that leads share are
    each lead's own here, since how many share them is not known.

    Parameters
    ----------
    pipeline
        The world.
    seed, number
        Of the lead and of its days: the same ones meet the same lead.
    house
        Of ``simulated_house``.
    likeness
        For every action of the house's catalogue.
    choose
        The policy; None for the house's rules, which take the catalogue's first.
    scorer
        The model that scores; None before there is one.

    Attributes
    ----------
    reward
        So far.
    examples
        Values of ``training-examples`` that came of the lead.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        seed: str,
        number: int,
        house: House,
        likeness: Likeness,
        *,
        choose: Choose | None = None,
        scorer: Scorer | None = None,
        rewards: RewardWeights | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._seed = f"{seed}/{number}"
        self._rng = Random(self._seed)  # noqa: S311 - repeatable, not secret
        self._house = house
        self._likeness = likeness
        self._choose = choose
        self._scorer = scorer
        self.prospect = pipeline.named_lead(self._rng)
        own = {purpose for action in house.catalogue.action for purpose in action.purposes}
        entered = START + timedelta(
            days=number % _DAYS, minutes=number * 7 % _WORKING_MINUTES, seconds=number % 60
        )
        self._log = LeadLog(self.prospect, entered, (*PURPOSES, *sorted(own - {*PURPOSES})))
        self._state = LeadState.new(self.prospect.lead.lead_id, self._log.now.timestamp())
        chooser = None if choose is None else Chooser("simulated", "0", self)
        self._nurture = Nurture(Budgets(), chooser)
        self._reward_of_day = RewardOfDay(rewards or RewardWeights(), self.prospect)
        self._due: list[tuple[str, int]] = []
        self.reward = 0.0
        self.examples: list[bytes] = []

    def live(self) -> None:
        """Live to the end."""
        prospect = self.prospect
        self._hear(())
        while not prospect.is_over:
            self._wait((self._log.now + timedelta(days=1)).timestamp())
            done = self._due[:1]
            del self._due[:1]
            # Each day has chance of its own: a contact changes that day's, not all that follow.
            self._rng.seed(f"{self._seed}/{prospect.day}")
            self._pipeline.day(prospect, done[0][1] if done else NOTHING, self._rng)
            self.reward += self._reward_of_day.take()
            self._hear(done)

    def act(self, state: Features, candidates: Sequence[str], rng: Random) -> Choice:
        """Choose as the policy does, which is shown the lead as well."""
        if self._choose is None:
            raise RuntimeError("the house's rules choose")
        return self._choose(self.prospect, state, candidates, rng)

    def _hear(self, done: Sequence[tuple[str, int]]) -> None:
        """Take in the last day's events; what was done is reported as delivered."""
        for told in self._log.events():
            event = told
            if told["type"] == CONTACT:
                of = {"type": "action_result", "trigger_id": done[0][0], "status": "delivered"}
                event = told | of
            at_s = epoch_s(event["occurred_at"])
            self._wait(at_s)
            decision = decide.decide_event(
                self._state, event, at_s, at_s, self._scorer, self._house, nurture=self._nurture
            )
            self._note(decision)

    def _wait(self, until_s: float) -> None:
        """Let timers fire that are due by a time, each at its own."""
        while (due_s := lead_timers.next_due_s(self._state, self._house)) <= until_s:
            if lead_timers.is_forgotten(self._state, due_s, self._house):
                return
            self._note(
                decide.decide_timers(
                    self._state, due_s, self._scorer, self._house, nurture=self._nurture
                )
            )

    def _note(self, decision: decide.Decision) -> None:
        for output in decision.outputs:
            if output.topic == topics.NURTURE_TRIGGERS.name:
                trigger = orjson.loads(output.value or b"")
                action = ACTIONS.index(self._likeness[trigger["action"]])
                if action != NOTHING:
                    self._due.append((trigger["trigger_id"], action))
            elif output.topic == topics.TRAINING_EXAMPLES.name:
                self.examples.append(output.value or b"")
