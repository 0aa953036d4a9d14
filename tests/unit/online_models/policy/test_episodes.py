import json
from random import Random

import numpy as np
import pytest

from online_models.formats import ModelFormatError
from online_models.policy.arrays import packed
from online_models.policy.episodes import Episodes
from online_models.policy.memory import Memory

NOTHING = np.zeros(0, np.float32)


def added(memory, episodes, state, next_state):
    number = memory.add(NOTHING, [0], 0, 0.5, 1.0, None if next_state is None else NOTHING, [0])
    episodes.add(number, state, next_state)
    return number


def built(capacity=50):
    memory = Memory(capacity, outputs=1)
    return memory, Episodes(memory)


def test_episodes_of_many_leads_are_told_apart():
    memory, episodes = built()
    rng, at, ends = Random(0), dict.fromkeys(range(5), 0), {}
    expected = {lead: [] for lead in at}
    while at:
        lead = rng.choice(list(at))
        step = at[lead]
        following = {"lead": lead, "step": step + 1} if step < 6 else None
        expected[lead].append(added(memory, episodes, {"step": step, "lead": lead}, following))
        if following is None:
            ends[lead] = expected[lead][-1]
            del at[lead]
        else:
            at[lead] = step + 1
    for lead, end in ends.items():
        assert episodes.ending_with(end) == expected[lead][::-1]


def test_a_state_is_the_same_as_json_may_have_changed_it():
    memory, episodes = built()
    first = added(memory, episodes, {"n": 0}, {"a": 1, "b": "x", "c": None})
    second = added(memory, episodes, {"c": None, "b": "x", "a": 1.0}, None)
    assert episodes.ending_with(second) == [second, first]


def test_of_two_in_one_state_the_oldest_goes_on_first():
    memory, episodes = built()
    one = added(memory, episodes, {"n": 0}, {"n": 1})
    other = added(memory, episodes, {"n": 5}, {"n": 1})
    assert episodes.previous(added(memory, episodes, {"n": 1}, None)) == one
    assert episodes.previous(added(memory, episodes, {"n": 1}, None)) == other
    assert episodes.previous(added(memory, episodes, {"n": 1}, None)) is None


def test_what_the_memory_forgets_is_forgotten():
    memory, episodes = built(capacity=4)
    for n in range(30):
        end = added(memory, episodes, {"n": n}, {"n": n + 1})
        added(memory, episodes, {"unheard": n}, {"of": n})
    assert episodes.ending_with(end) == [end, end - 2]
    assert sum(map(len, episodes._waiting.values())) <= 4
    assert episodes.ending_with(0) == []


@pytest.mark.parametrize("n", [0, 3, 40])
def test_episodes_rebuilt_from_json_go_on_the_same(n):
    def live(memory, episodes, seed, n):
        rng = Random(seed)
        for _ in range(n):
            state, following = {"n": rng.randrange(6)}, {"n": rng.randrange(6)}
            number = added(memory, episodes, state, following if rng.random() < 0.8 else None)
            yield episodes.ending_with(number)

    memory, episodes = built(capacity=16)
    list(live(memory, episodes, 0, n))
    stored = json.loads(json.dumps([memory.state(), episodes.state()]))
    other, others = built(capacity=16)
    other.set_state(stored[0], width=0, actions=1)
    others.set_state(stored[1])
    assert [other.state(), others.state()] == stored
    assert list(live(memory, episodes, 1, 50)) == list(live(other, others, 1, 50))
    assert others.state() == episodes.state()


@pytest.mark.parametrize("previous", [[0], [-2], [5], [-1, -1]])
def test_an_order_that_cannot_have_been_is_refused(previous):
    memory, episodes = built()
    added(memory, episodes, {"n": 0}, {"n": 1})
    stored = episodes.state() | {"previous": packed(np.array(previous), "<i8")}
    with pytest.raises(ModelFormatError):
        Episodes(memory).set_state(stored)


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": 2},
        {"rows": 0},
        {"seen": 0},
        {"rewards": packed(np.array([np.nan]))},
        {"probabilities": packed(np.array([0.0]))},
        {"actions": packed(np.array([1]), "<i4")},
        {"allowed": packed(np.array([0]), "u1")},
        {"ended": packed(np.array([2]), "u1")},
        {"states": packed(np.array([1.0]), "<f4")},
    ],
)
def test_a_memory_that_cannot_have_been_is_refused(broken):
    memory, episodes = built()
    added(memory, episodes, {"n": 0}, {"n": 1})
    Memory(50, outputs=1).set_state(memory.state(), width=0, actions=1)
    with pytest.raises(ModelFormatError):
        Memory(50, outputs=1).set_state(memory.state() | broken, width=0, actions=1)
