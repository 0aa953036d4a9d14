"""The report says in figures and in words what groups have met with."""

import json

import pytest

from online_models.fairness_report import FairnessRow, as_text, fairness_report


def rows(count=1_000, overlooked="b"):
    """Two groups, every other lead wins; of those who win, one group is scored hot and one not."""
    for n in range(count):
        group, y = "ab"[n % 2], n % 4 > 1
        x = {"title": "Ms" if group == "b" else "Mr", "pages": float(n % 7)}
        yield FairnessRow({"sex": group}, x, y, 0.5, y and group != overlooked)


def test_figures_gaps_and_proxies_stand_by_attribute():
    report = fairness_report(rows())
    sex = report["attributes"]["sex"]
    assert sex["groups"]["b"]["true_positive"]["value"] == 0.0
    assert sex["groups"]["a"]["rows"] == 500
    gap = sex["gaps"]["true_positive"]
    assert (gap["lower"], gap["higher"], gap["difference"], gap["is_alert"]) == (
        "b",
        "a",
        1.0,
        True,
    )
    assert not sex["gaps"]["calibration"]["is_certain"]
    assert [p["feature"] for p in sex["proxies"]] == ["title"]
    assert report["alerts"] == 2
    assert json.loads(json.dumps(report)) == report


def test_leads_that_lack_an_attribute_are_of_none_of_its_groups():
    some = [row._replace(groups={"sex": "a"} if n % 2 else {}) for n, row in enumerate(rows(200))]
    groups = fairness_report(some)["attributes"]["sex"]["groups"]
    assert {name: group["rows"] for name, group in groups.items()} == {"a": 100}


def test_a_marketer_reads_who_was_missed_and_what_gives_the_group_away():
    text = as_text(fairness_report(rows()))
    assert "ALERT: Of won leads in group a, 100% had been hot; in group b 0%." in text
    assert "The groups can be told from: title (group a, AUC 1.00)." in text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "No lead has a group: say which attributes define groups."),
        (list(rows(200, overlooked=None)), "This may be chance."),
        ([r for r in rows(200) if r.groups["sex"] == "a"], "One group alone: nothing to compare."),
    ],
)
def test_what_is_no_finding_is_said_too(given, said):
    text = as_text(fairness_report(given))
    assert said in text
    assert "ALERT" not in text
