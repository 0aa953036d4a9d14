"""Cohorts and the journey map of real loan applications, known to the end and half way through.

BPI Challenge 2012 (doi 10.4121/uuid:3926db30-f712-4394-aebc-75976070e91f): 13,087 applications,
stages are the states of application and offer. What is said on the 76th day, when 697 of 6,430
applications are under way, is held against what became of the same ones.

Won on the 76th day: .194 by the map, .158 of those that had ended; in the end .176. Cohorts say of
each age that they have reached what they say in the end, without exception.

    pytest -s tests/benchmarks/test_journeys_of_loans.py
"""

import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import pytest

from online_models.cohort_cells import last_day_of, week_of
from online_models.cohorts import Cohorts
from online_models.journey_map import STAYS_S, JourneyMapModel

pytestmark = [pytest.mark.real_data, pytest.mark.timeout(600)]
FILE = "loan_applications.jsonl.gz"
DAY_S = 86_400.0


class Step(NamedTuple):
    """A stage that was entered, or the result of the journey."""

    at_s: float
    name: str
    is_end: bool


Applications = tuple[tuple[Step, ...], ...]


@cache
def applications(path: Path) -> Applications:
    found: defaultdict[str, list[Step]] = defaultdict(list)
    with gzip.open(path, "rt") as lines:
        for line in lines:
            event = json.loads(line)
            is_end = event["type"] == "outcome"
            name = event["result"] if is_end else event.get("name", "")
            if is_end or name[:2] in {"A_", "O_"}:
                at_s = datetime.fromisoformat(event["occurred_at"]).timestamp()
                found[event["lead_id"]].append(Step(at_s, name, is_end))
    return tuple(tuple(sorted(steps)) for steps in found.values())


def mapped(loans: Applications, until_s: float) -> JourneyMapModel:
    model = JourneyMapModel()
    for steps in loans:
        stage, since_s = "", 0.0
        for at_s, name, is_end in steps:
            if at_s >= until_s or name == stage:
                continue
            if not stage:
                model.learn_entry(name)
            elif is_end:
                model.learn_end(stage, "won" if name == "won" else "lost", at_s - since_s)
                break
            else:
                model.learn_move(stage, name, at_s - since_s)
            stage, since_s = name, at_s
    return model


def cohorts(loans: Applications, until_s: float) -> Cohorts:
    model = Cohorts()
    for entered_s, won_s in entries(loans):
        if entered_s < until_s:
            model.learn_entry(day_of(entered_s), "web")
        if won_s is not None and won_s < until_s:
            model.learn_win(day_of(entered_s), day_of(won_s), "web")
    return model


def entries(loans: Applications) -> Iterable[tuple[float, float | None]]:
    for steps in loans:
        yield steps[0].at_s, next((s.at_s for s in steps if s.is_end and s.name == "won"), None)


def day_of(at_s: float) -> int:
    return int(at_s // DAY_S)


def half_way(loans: Applications) -> tuple[float, float]:
    """Return the beginnings of the 77th day and of that after the last."""
    times_s = [step.at_s for steps in loans for step in steps]
    first, last = day_of(min(times_s)), day_of(max(times_s))
    return (first + 76) * DAY_S, (last + 1) * DAY_S


def test_the_map_and_the_journeys_that_ended_have_the_truth_between_them(data_file):
    loans = applications(data_file(FILE))
    until_s, _ = half_way(loans)
    began_s = time.process_time()
    now = mapped(loans, until_s).report()
    took_s = time.process_time() - began_s
    entered = [won_s for entered_s, won_s in entries(loans) if entered_s < until_s]
    in_the_end = sum(won_s is not None for won_s in entered) / len(entered)
    ended = now.won / (now.won + now.lost + now.silent)
    print(
        f"\nwon: {now.conversion_ratio:.3f} by the map, {ended:.3f} of those that had ended, "
        f"{in_the_end:.3f} in the end; {sum(s.now for s in now.stages)} of {now.entered} under way"
        f"; bottleneck {now.bottleneck}, slowest {now.slowest}; {took_s:.2f} s"
    )
    for stage in now.stages:
        print(
            f"{stage.level:6.2f} {stage.name:18} {stage.entered:6} in, {stage.now:5} now, "
            f"drop-off {stage.drop_off_ratio:.3f}, gain {stage.gain_ratio:.4f}, "
            f"{(stage.median_s or 0.0) / DAY_S:5.2f} days, adds {stage.contribution_s / DAY_S:.2f}"
        )
    assert now.conversion_ratio is not None
    assert ended < in_the_end < now.conversion_ratio < in_the_end + 0.02


def test_the_conversion_is_the_share_that_was_won_once_nobody_is_under_way(data_file):
    loans = applications(data_file(FILE))
    decided = tuple(steps for steps in loans if any(step.is_end for step in steps))
    told = mapped(decided, half_way(loans)[1]).report()
    won = sum(won_s is not None for _, won_s in entries(decided))
    assert (told.entered, told.won) == (len(decided), won)
    assert told.conversion_ratio == pytest.approx(won / len(decided), rel=1e-9)


def test_medians_are_those_of_the_stays(data_file):
    loans = applications(data_file(FILE))
    _, end_s = half_way(loans)
    told = mapped(loans, end_s).report()
    for stage in told.stages:
        stays = []
        for steps in loans:
            open_s, before = 0.0, ""
            for at_s, name, is_end in steps:
                if name == before:
                    continue
                if before == stage.name:
                    stays.append(at_s - open_s)
                open_s, before = at_s, name
                if is_end:
                    break
        assert stage.left == len(stays)
        exact_s = max(STAYS_S.lowest, median_low(stays))
        assert stage.median_s == pytest.approx(exact_s, rel=0.0501)


def test_half_way_through_cohorts_tell_what_they_tell_in_the_end_and_nothing_more(data_file):
    loans = applications(data_file(FILE))
    until_s, end_s = half_way(loans)
    half, whole = (cohorts(loans, s).report("week", day_of(s)) for s in (until_s, end_s))
    known = {(c.name, age.age_weeks): age for c in whole.leads for age in c.by_age}
    told = {(c.name, age.age_weeks): age for c in half.leads for age in c.by_age}
    assert told
    assert all(known[at] == age for at, age in told.items())
    assert len(known) > len(told)
    for cohort in whole.leads:
        monday = int(cohort.name)
        cycles = [
            day_of(won_s) - day_of(entered_s)
            for entered_s, won_s in entries(loans)
            if won_s is not None and week_of(day_of(entered_s)) == week_of(monday)
        ]
        assert cohort.converted == len(cycles)
        assert last_day_of(week_of(monday)) == monday + 6
        if cycles:
            assert cohort.cycle_days == pytest.approx(median_low(cycles), rel=0.05)
    for age in whole.all_leads.by_age:
        print(f"{age.age_weeks:3} weeks: {age.converted} of {age.leads}, {age.ratio:.3f}")
