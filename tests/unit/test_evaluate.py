import math
from contextlib import suppress
from datetime import UTC, datetime
from random import Random

import orjson
import pytest
from lead_stream import DAY_S, HOUSE, event

from schemas import topics
from stream.evaluate import Evaluation, evaluate
from stream.event_files import TOPIC_OF_TYPE
from stream.lead.house import House
from stream.lead.point_rules import parse_point_rules
from stream.lead.scoring import expit, logit
from stream.offline import OfflineStream
from stream.simulator import Simulation

KEY = b"a key for tests"
BOTH = ("bayesian_logistic", "logistic")
START = datetime(2026, 1, 5, tzinfo=UTC)
RECEIVED_S = START.timestamp() + 365 * DAY_S
PROMISED = {
    "events", "leads", "decided", "undecided", "positives", "dead_letters", "examples_learned",
    "auc", "log_loss", "calibration_error", "auc_events", "auc_last_fifth", "events_per_s",
    "average_precision", "brier", "tiers", "by_events_seen", "by_fifth", "models",
    "first_event_at", "last_event_at",
}  # fmt: skip


@pytest.fixture(scope="module")
def lines():
    return [(e.topic, e.value) for e in Simulation(events=4_000, seed=1, start=START)]


def line(body):
    return TOPIC_OF_TYPE[body["type"]], orjson.dumps(body)


def test_it_reports_all_that_is_promised(lines):
    report = evaluate(lines, HOUSE, KEY, RECEIVED_S)
    assert set(report) >= PROMISED
    assert report["events"] == 4_000
    assert report["leads"] == report["decided"] + report["undecided"]
    assert 0 < report["positives"] < report["decided"]
    assert 0.5 < report["auc"] <= 1.0
    assert 0 < report["dead_letters"] < 60
    assert report["examples_learned"] > 50


def test_the_same_events_give_the_same_report(lines):
    one, other = (evaluate(lines, HOUSE, KEY, RECEIVED_S) for _ in range(2))
    for report in (one, other):
        del report["events_per_s"]
        for model in report["models"].values():
            for speed in ("examples_per_s", "predict_with_reasons_us"):
                model.pop(speed, None)
    assert one == other


@pytest.fixture(scope="module")
def compared(lines):
    rows = []
    evaluation = Evaluation(HOUSE, KEY, RECEIVED_S, BOTH, watch=rows.append)
    evaluation.take_in(lines)
    return evaluation, evaluation.report(), rows


def test_challengers_change_nothing_of_what_is_served(lines, compared):
    alone = evaluate(lines, HOUSE, KEY, RECEIVED_S)
    for name in PROMISED - {"models", "events_per_s"}:
        assert compared[1][name] == alone[name], name
    one, other = (r["models"]["bayesian_logistic"] for r in (alone, compared[1]))
    assert one["log_loss_events"] == other["log_loss_events"]


def test_each_model_is_judged_by_the_same_scores_and_learns_the_same_examples(compared):
    models = compared[1]["models"]
    assert list(models) == [*BOTH, "rules"]
    for model in models.values():
        assert [part["scores"] for part in model["by_fifth"]] == [
            part["scores"] for part in compared[1]["by_fifth"]
        ]
        assert {"auc", "log_loss", "brier", "average_precision", "tiers"} <= set(model)
    assert len({model["log_loss_events"] for model in models.values()}) == 3
    for kind in BOTH:
        assert models[kind]["examples_learned"] == compared[1]["examples_learned"]
        assert models[kind]["examples_per_s"] > 0
        assert models[kind]["predict_with_reasons_us"] > 0
        moves = list(models[kind]["main_facts"].values())
        assert moves == sorted(moves, reverse=True)
        assert len(moves) == 12


def test_a_model_alone_says_what_it_has_learned_and_the_rules_what_they_count(compared):
    evaluation, _, rows = compared
    row = rows[-1]
    for model in evaluation.stream.models.values():
        assert model.score(row.x).p_convert == pytest.approx(
            model.scorer and _said(model.scorer, row.x), abs=1e-6
        )
    points = row.x["points"] * math.log(2) / HOUSE.points_to_double_odds
    assert row.by_rules.log_odds == pytest.approx(logit(HOUSE.base_rate_prior) + points)


def _said(scorer, x):
    intercept, contributions, _ = scorer.explain_one(x)
    return expit(intercept + math.fsum(contributions.values()))


def test_whoever_watches_sees_each_score_that_counts_and_learns_its_outcome(compared):
    evaluation, report, rows = compared
    of_decided = [row for row in rows if evaluation.won[row.lead] is not None]
    assert len(of_decided) == sum(part["scores"] for part in report["by_fifth"])
    last = {row.lead: row for row in rows}
    hot = [
        row for row in last.values() if row.tier == "hot" and evaluation.won[row.lead] is not None
    ]
    assert len(hot) == report["tiers"]["hot"]["leads"]


def _outcome(value):
    with suppress(orjson.JSONDecodeError):  # a flaw of the simulation's
        return orjson.loads(value) if b'"outcome"' in value else None


@pytest.mark.parametrize("at", [1_500, 3_000])
def test_outcomes_to_come_change_no_prediction_made_before_them(lines, at):
    parsed = [_outcome(v) for _, v in lines]
    later = [i for i, e in enumerate(parsed) if e and e["type"] == "outcome" and i >= at]
    assert len(later) > 5
    rng, shuffled = Random(1), list(lines)
    for i in later:
        result = rng.choice(["won", "lost"])
        shuffled[i] = (lines[i][0], orjson.dumps({**parsed[i], "result": result}))
    assert shuffled != lines
    one, other = (OfflineStream(HOUSE, KEY, RECEIVED_S) for _ in range(2))
    for a, b in zip(lines[:at], shuffled[:at], strict=True):
        assert one.feed(*a) == other.feed(*b)
    after = [one.feed(*a) == other.feed(*b) for a, b in zip(lines[at:], shuffled[at:], strict=True)]
    assert after[0]
    assert not all(after)


def test_the_event_that_brings_the_outcome_is_not_among_the_predictions():
    lines = []
    for n in range(40):
        result = "won" if n % 2 else "lost"
        lines.append(line(event("activity", f"a{n}", n * 60, lead_id=f"L{n}")))
        lines.append(line(event("outcome", f"o{n}", n * 60 + 1, lead_id=f"L{n}", result=result)))
    tell_tale = parse_point_rules(
        '[[rule]]\nname = "won"\npoints = 100\nevent = "outcome"\nwhere.result.equals = "won"'
    )
    report = evaluate(lines, House(points=tell_tale), KEY, RECEIVED_S)
    assert (report["decided"], report["positives"]) == (40, 20)
    assert report["auc"] < 0.7


def test_nothing_to_score_is_reported_as_nothing():
    report = evaluate([], HOUSE, KEY, RECEIVED_S)
    assert (report["events"], report["leads"], report["auc"]) == (0, 0, None)
    report = evaluate([("page-views", b"no json")], HOUSE, KEY, RECEIVED_S)
    assert (report["events"], report["dead_letters"], report["leads"]) == (1, 1, 0)


def test_one_clock_far_ahead_makes_nobody_late():
    lines = [line(event("activity", f"a{n}", n * 60, lead_id=f"L{n}")) for n in range(20)]
    ahead = event(
        "form_fill", "f", 300 * DAY_S, lead_id="L", anonymous_id="v", email="jane@example.com"
    )
    stream = OfflineStream(HOUSE, KEY, RECEIVED_S)
    for one in [*lines[:10], line(ahead), *lines[10:]]:
        stream.feed(*one)
    assert stream.outputs[topics.DEAD_LETTERS.name] == 0


def test_a_lead_missed_and_erased_at_once_stops_nothing():
    bodies = [event("activity", "a", 0, lead_id="A")]
    bodies += [event("activity", f"b{n}", 30 * DAY_S + n, lead_id="B") for n in range(2)]
    bodies.append(event("erasure", "x", 30 * DAY_S + 2, lead_id="A"))
    assert evaluate([line(b) for b in bodies], HOUSE, KEY, RECEIVED_S)["events"] == 4
