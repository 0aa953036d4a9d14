"""Alerts: promtool accepts and tests each, and each has a runbook."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from outside_tools import prometheus_tool

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RULE_FILES = [PROMETHEUS / "rules.yml", PROMETHEUS / "slo.yml"]
TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))
RUNBOOKS = ROOT / "deploy" / "guide" / "runbooks.md"
PARTS = ("Means", "First look", "Mend", "Over")
FIRING = re.compile(r'count\(ALERTS\{alertname="(\w+)",alertstate="firing"\}\)')


def alerts() -> dict[str, dict[str, Any]]:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULE_FILES]
    return {
        rule["alert"]: rule
        for document in documents
        for group in document["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }


def sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", RUNBOOKS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def checked() -> dict[str, set[bool]]:
    """Return for each alert whether tests see it fire, and whether they see it keep silent."""
    found: dict[str, set[bool]] = {}
    for path in TESTS:
        for test in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in test["promql_expr_test"]:
                named = FIRING.fullmatch(check["expr"])
                assert named, f"{path.name}: {check['expr']}"
                found.setdefault(named[1], set()).add(bool(check["exp_samples"]))
    return found


def test_every_rule_file_is_loaded_and_checked() -> None:
    scraped = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text(encoding="utf-8"))
    assert scraped["rule_files"] == [path.name for path in RULE_FILES]


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_is_seen_to_fire_and_to_keep_silent(alert: str) -> None:
    assert checked().get(alert) == {True, False}, (
        f"{alert}: give it series in deploy/prometheus/tests in which it fires, and in which not"
    )


def test_no_test_is_of_an_alert_that_is_gone() -> None:
    assert checked().keys() <= alerts().keys()


@pytest.mark.parametrize("alert", alerts())
def test_every_alert_has_a_runbook_that_says_all_four_things(alert: str) -> None:
    link = f"deploy/guide/runbooks.md#{alert.lower()}"
    assert alerts()[alert]["annotations"]["runbook_url"] == link
    text = sections().get(alert, "")
    assert re.findall(r"^- \*\*(.+?)\.\*\* \S", text, flags=re.MULTILINE) == list(PARTS), alert


def test_every_runbook_is_of_an_alert_and_its_links_lead_somewhere() -> None:
    assert sections().keys() == alerts().keys()
    anchors = {name.lower() for name in sections()}
    text = RUNBOOKS.read_text(encoding="utf-8")
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in anchors, f"#{anchor}"
    for path in re.findall(r"\]\((\.\./[^)#]+)", text):
        assert (RUNBOOKS.parent / path).exists(), path


def test_panels_that_runbooks_point_at_are_on_a_dashboard() -> None:
    titles = set()
    for path in (ROOT / "deploy" / "grafana" / "dashboards").glob("*.json"):
        dashboard = json.loads(path.read_text(encoding="utf-8"))
        titles |= {dashboard["title"], *(panel["title"] for panel in dashboard["panels"])}
    text = RUNBOOKS.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![*\w])\*([^*\n]+)\*(?!\*)", text))
    assert named
    assert named <= titles, f"no such panels: {sorted(named - titles)}"


def promtool(*arguments: object) -> str:
    done = subprocess.run(
        [prometheus_tool("promtool"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_configuration_and_rules() -> None:
    assert "SUCCESS" in promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert "SUCCESS" in promtool("check", "rules", *RULE_FILES)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_where_they_should_and_nowhere_else(path: Path) -> None:
    assert "SUCCESS" in promtool("test", "rules", path)
