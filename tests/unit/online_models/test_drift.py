import json
import math
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from online_models import watched_series
from online_models.catalogue import build_model
from online_models.drift import BURN_IN, LOSS, SCORE, Alert, DriftMonitor
from online_models.formats import ModelFormatError
from online_models.successor import ENOUGH_EVIDENCE, PATIENCE, Successor
from online_models.watched_series import BASELINE, BLOCK, KEPT, Series


def told_of(values, series=None):
    """Return after how many values which detector told a change."""
    series = series or Series()
    told = enumerate((series.update(value) for value in values), start=1)
    return [(n, found) for n, found in told if found]


def noise(n, mean=0.0, seed=0, deviation=1.0):
    rng = Random(seed)
    return [rng.gauss(mean, deviation) for _ in range(n)]


def through_json(document):
    return json.loads(orjson.dumps(document))


# One series


@pytest.mark.parametrize("values", [noise(30_000), [7.0] * 30_000], ids=["noise", "constant"])
def test_a_mean_that_stays_is_not_told(values):
    assert told_of(values) == []


@pytest.mark.parametrize("shift", [-0.5, 0.5])
def test_a_mean_that_changes_is_told_soon_and_once(shift):
    ((n, _),) = told_of(noise(3_000) + noise(5_000, shift, seed=1))
    assert 3_000 < n <= 3_000 + 600


def test_each_detector_finds_what_the_other_misses():
    big = told_of(noise(6_000) + noise(200, 1.0, seed=1))
    small = told_of(noise(12_000) + noise(16_000, 0.08, seed=1))
    assert [found for _, found in big] == ["page_hinkley"]
    assert [found for _, found in small] == ["adwin"]


def test_of_a_loss_only_a_rise_is_told():
    falls = noise(3_000, 1.0) + noise(3_000, 0.0, seed=1)
    assert told_of(falls, Series(rise_only=True)) == []
    assert [n > 6_000 for n, _ in told_of([*falls, *noise(1_000, 1.0)], Series(rise_only=True))]


def test_one_wild_block_is_no_drift():
    usual = noise(100 * BLOCK)
    assert told_of([*usual, *[1e9] * BLOCK, *usual]) == []
    assert told_of([*usual, *[1e9] * 2 * BLOCK]) != []


def test_examples_that_come_in_like_batches_are_not_taken_for_drift():
    batches = [mean for mean in noise(800, deviation=1.0) for _ in range(20)]
    assert told_of(m + e for m, e in zip(batches, noise(16_000, seed=1), strict=True)) == []


@pytest.mark.parametrize("n", [5, BASELINE * BLOCK + 7, 3_000, 3_100, (2 * KEPT + 9) * BLOCK])
def test_a_series_goes_on_from_its_checkpoint_to_the_bit(n):
    values = noise(3_050) + noise(40_000, 0.3, seed=1)
    series, restored = Series(), Series()
    told_of(values[:n], series)
    restored.restore(through_json(series.checkpoint()))
    assert restored.checkpoint() == series.checkpoint()
    rest = [*values[n : n + 2_000], *noise(2_000, 0.8, seed=2)]
    told = told_of(rest, series)
    assert told_of(rest, restored) == told
    assert told
    assert restored.checkpoint() == series.checkpoint()


def test_a_series_keeps_a_bounded_number_of_blocks(monkeypatch):
    monkeypatch.setattr(watched_series, "KEPT", 40)
    series = Series()
    told_of(noise(300 * BLOCK), series)
    assert 40 <= len(series.checkpoint()["blocks"]) < 80


# The monitor


def leads(n, seed=0, change=math.inf, wanted=0.5):
    """Yield label, what an ideal model says until the change, and features."""
    rng = Random(seed)
    for i in range(n):
        x = {"age": rng.gauss(2.0, 1.0)}
        if rng.random() < wanted:
            x["last"] = "demo"
        x["attribute:name"] = f"visitor {i}"
        p = 1 / (1 + math.exp(-2.0 * ("last" in x) - x["age"] + 3.0))
        yield (rng.random() < p) == (i < change), p, x


def alerts_of(monitor, examples):
    numbered = enumerate(examples, start=1)
    return [(n, alert) for n, (y, p, x) in numbered for alert in monitor.update(y, p, x)]


def test_labels_that_turn_round_raise_the_loss_alert_and_no_other():
    ((n, alert),) = alerts_of(DriftMonitor(), leads(6_000, change=5_000))
    assert 5_000 < n <= 5_200
    assert alert.what == LOSS


def test_nothing_is_told_where_nothing_changes():
    assert alerts_of(DriftMonitor(), leads(15_000)) == []


def test_other_leads_change_scores_and_features_but_not_the_loss():
    monitor = DriftMonitor()
    assert alerts_of(monitor, leads(4_000)) == []
    told = {alert.what for _, alert in alerts_of(monitor, leads(2_000, seed=1, wanted=0.9))}
    assert told == {SCORE, "feature:last=demo"}


def test_a_number_that_comes_no_more_is_told():
    monitor = DriftMonitor()
    alerts_of(monitor, leads(4_000))
    lacking = (
        (y, p, {k: v for k, v in x.items() if k != "age"}) for y, p, x in leads(1_000, seed=1)
    )
    assert [alert.what for _, alert in alerts_of(monitor, lacking)] == ["feature:age"]


def test_the_features_that_say_most_are_watched_one_of_each_fact():
    monitor = DriftMonitor(max_features=2)
    for n, (y, p, x) in enumerate(leads(BURN_IN)):
        seen = {"count:open": float(y), "count_1d:open": float(y)}
        noted = {"noted": "yes" if y == (n % 4 > 0) else "no"}  # right three times of four
        monitor.update(y, p, {**x, **seen, **noted, "attribute:raw": 1e6 * y, "constant": 1.0})
    first, second = monitor.watched[2:]
    assert first == "feature:count:open"
    assert second in {"feature:noted=yes", "feature:noted=no"}


def test_nothing_is_watched_while_the_model_begins():
    monitor = DriftMonitor()
    alerts_of(monitor, leads(BURN_IN - 1))
    assert monitor.watched == [LOSS, SCORE]


def test_what_senders_think_of_cannot_fill_the_memory():
    monitor = DriftMonitor(max_features=1_000)
    for n in range(BURN_IN):
        if n == BURN_IN - 1:
            assert len(orjson.dumps(monitor.checkpoint())) < 100_000
        monitor.update(n % 2 == 0, 0.5, {f"{n}.{k}": float(n % 2) for k in range(5)})
    assert len(monitor.watched) <= 102


@pytest.mark.parametrize("huge", [1e308, -1e308, math.inf, -math.inf, math.nan])
def test_a_number_without_measure_does_no_harm(huge):
    monitor = DriftMonitor()
    alerts_of(monitor, ((y, p, {**x, "new": huge}) for y, p, x in leads(50)))
    alerts_of(monitor, leads(3_000))
    for y, p, x in leads(3 * BLOCK, seed=1):
        monitor.update(y, p, {**x, "age": huge})
    assert b"null,null" not in orjson.dumps(monitor.checkpoint()["features"])
    DriftMonitor.restore(through_json(monitor.checkpoint()))


@pytest.mark.parametrize("n", [0, 700, BURN_IN, 2_500, 5_050])
def test_a_monitor_goes_on_from_its_checkpoint_to_the_bit(n):
    examples = list(leads(7_000, change=5_000))
    monitor = DriftMonitor()
    alerts_of(monitor, examples[:n])
    restored = DriftMonitor.restore(through_json(monitor.checkpoint()))
    assert alerts_of(restored, examples[n:]) == alerts_of(monitor, examples[n:]) != []
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(monitor.checkpoint())


def test_while_the_model_learns_anew_its_loss_and_scores_get_new_baselines():
    monitor = DriftMonitor()
    alerts_of(monitor, leads(4_000))
    monitor.relearning()
    worse = [(y, 0.3, x) for y, _, x in leads(4_000, seed=1)]
    assert alerts_of(monitor, worse) == []


@pytest.mark.parametrize(
    "other", [{"schema": 0}, {"library": "river 0.0.1"}, {"seen": -1}, {"loss": None}]
)
def test_a_checkpoint_that_does_not_fit_is_refused(other):
    with pytest.raises(ModelFormatError):
        DriftMonitor.restore(DriftMonitor().checkpoint() | other)


@pytest.mark.parametrize(
    "other",
    [
        {"baseline": [0.0, 0.0]},
        {"baseline": [math.nan, 1.0]},
        {"blocks": [0.0] * BASELINE},
        {"baseline": [0.0, 1.0], "blocks": [0.0] * (2 * KEPT + 1)},
        {"blocks": [1e300]},
        {"squares": math.inf},
        {"count": BLOCK},
    ],
)
def test_a_series_that_could_not_have_come_about_is_refused(other):
    state = DriftMonitor().checkpoint()
    state["score"] |= other
    with pytest.raises(ModelFormatError):
        DriftMonitor.restore(state)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(field=st.sampled_from(sorted(DriftMonitor().checkpoint())), value=JSON)
def test_whatever_a_checkpoint_says_it_is_taken_or_refused(field, value):
    try:
        monitor = DriftMonitor.restore(DriftMonitor().checkpoint() | {field: value})
    except ModelFormatError:
        return
    alerts_of(monitor, leads(2))


# The successor


def test_a_successor_takes_over_once_it_foretells_better():
    successor = Successor(build_model("logistic"))
    turned = leads(2_000, change=0)
    took_over = [n for n, (y, p, x) in enumerate(turned) if successor.update(y, p, x)]
    assert 5 < took_over[0] < 200


def test_a_successor_of_a_model_that_is_right_never_takes_over_and_is_given_up():
    successor = Successor(build_model("logistic"))
    examples = list(leads(PATIENCE))
    assert not any(successor.update(y, p, x) for y, p, x in examples[:-1])
    assert not successor.is_given_up
    assert not successor.update(*examples[-1])
    assert successor.is_given_up


def test_a_successor_goes_on_from_its_checkpoint_to_the_bit():
    successor = Successor(build_model("logistic"))
    examples = list(leads(60, change=0))
    for y, p, x in examples[:30]:
        successor.update(y, p, x)
    restored = Successor.restore(
        through_json(successor.checkpoint()), lambda state: build_model("logistic", state)
    )
    for y, p, x in examples[30:]:
        assert restored.update(y, p, x) == successor.update(y, p, x)
    assert orjson.dumps(restored.checkpoint()) == orjson.dumps(successor.checkpoint())


@pytest.mark.parametrize(
    "other",
    [{"evidence": -1.0}, {"evidence": math.inf}, {"seen": -1}, {"model": None}, {"model": {}}],
)
def test_a_successor_that_does_not_fit_is_refused(other):
    state = Successor(build_model("logistic")).checkpoint() | other
    with pytest.raises(ModelFormatError):
        Successor.restore(state, lambda model: build_model("logistic", model))


def test_the_evidence_asked_for_is_what_its_name_says():
    assert math.exp(ENOUGH_EVIDENCE) == pytest.approx(22_026, abs=1)
    assert Alert(LOSS, "adwin") == ("loss", "adwin")
