"""What is ranked and learned, by the times in the records."""

from random import Random
from typing import Any

import orjson
import pytest

from online_models.policy.square_cb import SquareCB
from schemas.personalizer import ActionsRanked, RankActivated, RankRewarded
from stream.collector.refusals import RefusedRequestError
from stream.lead.outputs import rfc3339
from stream.personalizer.personalizer import Personalizer, Terms, answer_of
from stream.personalizer.requests import MAX_ACTIONS, asked, rewarded

ACTIONS = [{"id": name, "features": [{"kind": name}]} for name in ("a", "b", "c")]


def request(**more: Any) -> bytes:
    return orjson.dumps({"contextFeatures": [{"role": "buyer"}], "actions": ACTIONS, **more})


class Taught(SquareCB):
    """Notes what it is taught."""

    def __init__(self) -> None:
        super().__init__()
        self.rewards: list[float] = []

    def learn(self, context: Any, action: Any, reward: float) -> None:
        self.rewards.append(reward)
        super().learn(context, action, reward)


class House:
    """A personalizer that is told events by their time."""

    def __init__(self, **terms: Any) -> None:
        self.policy = Taught()
        self.outcomes: list[str] = []
        told = Terms(**{"wait_s": 10.0, **terms})
        self.personalizer = Personalizer(self.policy, told, self.outcomes.append)

    def rank(self, event_id: str, at_s: float, **more: Any) -> ActionsRanked:
        event = self.personalizer.rank(event_id, asked(request(**more)), Random(event_id), at_s)
        self.personalizer.apply(event)
        return event

    def reward(self, event_id: str, at_s: float, value: float) -> None:
        told = {"event_id": event_id, "occurred_at": rfc3339(at_s), "value": value}
        self.personalizer.apply(RankRewarded.model_validate(told))

    def activate(self, event_id: str, at_s: float) -> None:
        told = {"event_id": event_id, "occurred_at": rfc3339(at_s)}
        self.personalizer.apply(RankActivated.model_validate(told))


def test_an_event_teaches_when_its_time_is_over_and_not_before():
    house = House()
    house.rank("e", 100.0)
    house.reward("e", 105.0, 1.0)
    house.personalizer.settle(110.0)
    assert house.policy.rewards == []
    house.personalizer.settle(110.1)
    assert house.policy.rewards == [1.0]
    assert house.outcomes == ["rewarded"]
    assert house.personalizer.pending == 0


@pytest.mark.parametrize(("aggregation", "learned"), [("earliest", 0.25), ("sum", 0.75)])
def test_several_rewards(aggregation: str, learned: float):
    house = House(aggregation=aggregation)
    house.rank("e", 0.0)
    house.reward("e", 1.0, 0.25)
    house.reward("e", 2.0, 0.5)
    house.personalizer.settle(20.0)
    assert house.policy.rewards == [learned]


def test_a_sum_beyond_the_bounds_is_learned_as_the_bound():
    house = House(aggregation="sum")
    house.rank("e", 0.0)
    for at_s in (1.0, 2.0):
        house.reward("e", at_s, -0.9)
    house.personalizer.settle(20.0)
    assert house.policy.rewards == [-1.0]


def test_rewards_that_come_late_or_for_nothing_are_counted_and_teach_nothing():
    house = House(default_reward=-0.1)
    house.rank("e", 0.0)
    house.reward("e", 10.5, 1.0)
    house.reward("nobody", 1.0, 1.0)
    house.personalizer.settle(20.0)
    assert house.policy.rewards == [-0.1]
    assert house.outcomes == ["reward_of_no_event", "reward_of_no_event", "not_rewarded"]


def test_what_is_deferred_waits_for_rewards_from_when_it_was_shown():
    house = House()
    for event_id in ("shown", "hidden"):
        house.rank(event_id, 0.0, deferActivation=True)
    house.activate("shown", 9.0)
    house.personalizer.settle(12.0)
    assert house.outcomes == ["not_shown"]
    house.reward("shown", 18.0, 0.5)
    house.reward("hidden", 18.0, 0.5)
    house.personalizer.settle(20.0)
    assert house.policy.rewards == [0.5]


def test_the_same_request_is_answered_the_same_and_another_with_its_id_refused():
    house = House()
    event = house.rank("e", 0.0)
    assert house.personalizer.known("e", asked(request())) == answer_of(event)
    house.rank("e", 5.0)  # written twice, it counts once
    house.personalizer.settle(10.5)
    assert len(house.policy.rewards) == 1
    house.rank("e", 20.0)
    with pytest.raises(RefusedRequestError, match="that of another request"):
        house.personalizer.known("e", asked(request(contextFeatures=[{"role": "user"}])))


def test_a_digest_is_the_same_when_read_back_whichever_were_excluded():
    house = House()
    house.rank("e", 0.0, excludedActions=["b"])
    assert house.personalizer.known("e", asked(request(excludedActions=["b"]))) is not None
    with pytest.raises(RefusedRequestError):
        house.personalizer.known("e", asked(request()))


def test_excluded_actions_stand_where_they_were_sent():
    answer = answer_of(House().rank("e", 0.0, excludedActions=["b"]))
    assert answer["ranking"][1] == {"id": "b", "probability": 0.0}
    assert answer["ranking"][0]["id"] == answer["rewardActionId"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"actions": []}, "actions: List should have at least 1 item"),
        ({"actions": [ACTIONS[0], ACTIONS[0]]}, "actions: 'a' is there twice; give each"),
        ({"actions": ACTIONS * (MAX_ACTIONS // 3 + 1)}, "actions: List should have at most 50"),
        ({"actions": [{"id": "a", "features": [1]}]}, "actions.0.features: .*give objects"),
        ({"actions": [{"id": "", "features": []}]}, "actions.0.id: "),
        ({"contextFeatures": ["x"]}, "contextFeatures: .*give objects"),
        ({"excludedActions": ["a", "b", "c"]}, "every action is excluded; leave at least one"),
        ({"excludedActions": ["z"]}, "'z' is none of the actions"),
        ({"eventId": "x" * 257}, "eventId: "),
        ({"contextFeatures": [{str(n): 1 for n in range(10_000)}]}, "pairs .* at most 50,000"),
    ],
)
def test_what_is_not_valid_is_refused_with_field_and_remedy(changed: Any, message: str):
    with pytest.raises(RefusedRequestError, match=message) as found:
        asked(orjson.dumps({"contextFeatures": [], "actions": ACTIONS, **changed}))
    assert found.value.status == 400
    assert found.value.field


def test_what_is_nested_too_deep_is_refused():
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    with pytest.raises(RefusedRequestError, match="nested too deep; flatten them"):
        asked(request().replace(b'{"role":"buyer"}', deep))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"value": 1.5}', b'{"value": "1"}', b"{}"])
def test_rewards_that_are_not_valid_are_refused(body: bytes):
    with pytest.raises(RefusedRequestError):
        rewarded(body)


def test_a_record_whose_action_is_none_of_its_actions_is_passed_over():
    house, other = House(), House()
    event = other.rank("e", 0.0)
    house.personalizer.apply(event.model_copy(update={"reward_action_id": "z"}))
    assert house.personalizer.pending == 0


def test_rewards_of_both_ends_are_taken():
    assert (rewarded(b'{"value": -1}'), rewarded(b'{"value": 1.0}')) == (-1.0, 1.0)
