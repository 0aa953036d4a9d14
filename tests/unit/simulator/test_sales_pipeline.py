import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.utils.env_checker import check_env  # noqa: E402

from stream.simulator.observation import OBSERVATION_NAMES  # noqa: E402
from stream.simulator.rewards import RewardWeights  # noqa: E402
from stream.simulator.sales_pipeline import SalesPipeline  # noqa: E402
from stream.simulator.world import ACTIONS, CONTENT, NOTHING, WorldParameters  # noqa: E402


def _episode(env, seed, action=CONTENT, every=7):
    observation, info = env.reset(seed=seed)
    seen, total, steps, is_over = [observation], 0.0, 0, False
    while not is_over:
        observation, reward, is_over, _, info = env.step(0 if steps % every else action)
        seen.append(observation)
        total += reward
        steps += 1
    return np.array(seen), total, info, steps


@pytest.mark.filterwarnings("error")
def test_gymnasiums_own_check_passes():
    check_env(SalesPipeline(), skip_render_check=True)
    check_env(SalesPipeline(days_per_step=7), skip_render_check=True)


def test_seeds_reproduce():
    first, second = (_episode(SalesPipeline(), seed=3) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert first[1] == second[1]
    assert not np.array_equal(first[0][0], _episode(SalesPipeline(), seed=4)[0][0])


def test_observations_stay_within_their_space():
    env = SalesPipeline()
    for seed in range(30):
        for observation in _episode(env, seed, every=2)[0]:
            assert env.observation_space.contains(observation)


def test_observations_hold_nothing_hidden():
    env = SalesPipeline()
    before, _ = env.reset(seed=1)
    hidden = env.prospect.hidden
    hidden.intent, hidden.warmth, hidden.fatigue, hidden.satisfaction = 0.01, 0.3, 9.0, 0.9
    assert np.array_equal(env._observation(), before)
    assert set(OBSERVATION_NAMES).isdisjoint({"intent", "fatigue", "openness", "satisfaction"})


def test_the_info_tells_the_truth_and_masks_what_may_not_be_done():
    env = SalesPipeline()
    won = []
    for seed in range(60):
        _, _, info, _ = _episode(env, seed)
        prospect = env.prospect
        assert info["won"] == (prospect.won_day is not None) == (info["deals"] > 0)
        assert info["contacts"] == sum(prospect.contacts)
        assert info["action_mask"][NOTHING] == 1
        assert info["action_mask"].sum() == 1  # it is over: nothing may be done
        won.append(info["won"])
    assert any(won)
    assert not all(won)
    env.reset(seed=1)
    assert env.step(NOTHING)[4]["action_mask"].sum() == len(ACTIONS)


def test_a_step_may_be_a_week():
    weekly = SalesPipeline(days_per_step=7)
    _, _, info, steps = _episode(weekly, seed=1, every=1)
    assert steps == -(-weekly.prospect.day // 7)
    assert info["contacts"] <= steps


def test_rewards_are_weighed_as_told():
    parameters = WorldParameters()
    none = dict.fromkeys(RewardWeights.__dataclass_fields__, 0.0)
    for name, fact in (
        ("won", lambda p: p.won_day is not None),
        ("contact", lambda p: sum(p.contacts)),
        ("cost", lambda p: p.cost_minor / 1_000_000),
        ("value", lambda p: p.value_minor / 1_000_000),
        ("unsubscribed", lambda p: p.unsubscribed),
        ("retained", lambda p: p.is_retained),
        ("delay", lambda p: p.day if p.won_day is None else p.won_day - 1),
    ):
        env = SalesPipeline(parameters, RewardWeights(**{**none, name: 1.0}))
        for seed in range(25):
            total = _episode(env, seed, every=3)[1]
            expected = float(fact(env.prospect))
            if name == "delay" and env.prospect.is_over and env.prospect.stage == 6:
                expected -= 1  # the day on which it is lost is none on which it is open
            assert total == pytest.approx(expected), (name, seed)


def test_a_lead_whose_time_is_over_takes_no_step():
    env = SalesPipeline()
    with pytest.raises(RuntimeError, match="reset"):
        env.step(NOTHING)
    _episode(env, seed=1)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(NOTHING)


def test_features_are_those_of_leadstream():
    env = SalesPipeline()
    env.reset(seed=1)
    features = env.features()
    assert features["stage"] in {"known", "engaged", "qualified", "opportunity", "customer"}
    assert str(features["segment"]).split("/")[0] in {"fit", "other"}
    assert all(isinstance(value, (float, str)) for value in features.values())
