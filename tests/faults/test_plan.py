from faults.plan import WEIGHTS, plan_faults


def test_a_plan_has_every_kind_and_spreads_it() -> None:
    plan = plan_faults(kills=10, rebalances=5, seed=3, upgrades=1)
    kinds = [fault.kind for fault in plan]
    assert set(kinds) == {*WEIGHTS, "rebalance", "upgrade"}
    assert kinds.count("rebalance") == 5
    assert "rebalance" in kinds[:5]
    assert "rebalance" in kinds[-5:]
    assert plan == plan_faults(kills=10, rebalances=5, seed=3, upgrades=1)
