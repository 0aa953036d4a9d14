from dataclasses import replace
from random import Random

import orjson
import pytest
from lead_stream import DAY_S, EMAIL_KEY, HOUSE, START_S

from stream.followed_leads import Occasion
from stream.lead.outputs import rfc3339
from stream.lead.point_rules import parse_point_rules
from stream.lead.scoring import score_one
from stream.refit import apply_proposal, refit, rescored
from stream.rules_file import RulesChangedError, read_rules

RULES = """# Points by guess.
[[rule]]
name = "pricing_page"
points = 20
event = "page_view"
where.url.contains = "/pricing"  # once is enough
max_points = 20

[[rule]]
name = "careers_page"
points = 30  # wrong by design: who looks for a job buys nothing
event = "page_view"
where.url.contains = "/careers"

[[rule]]
name = "unsubscribed"
points = -25
event = "email_unsubscribe"
"""
WINS = {"/docs": 0.1, "/pricing": 0.18, "/careers": 0.01}


def house_of(text):
    return replace(HOUSE, points=parse_point_rules(text))


def log(count=900, seed=0):
    random, lines = Random(seed), []
    pages = [random.choice(list(WINS)) for _ in range(count)]
    won = [random.random() < WINS[page] for page in pages]
    for n, page in enumerate(pages):
        at_s, lead = START_S + n * 600, f"lead-{n}"
        lines.append((at_s, {"type": "page_view", "lead_id": lead, "url": f"https://x.com{page}"}))
        if won[n]:
            outcome = {"type": "outcome", "lead_id": lead, "result": "won"}
            lines.append((at_s + 3 * DAY_S, outcome))
    for n in range(3):  # the log's time is what its newest events agree on
        last = {"type": "page_view", "lead_id": "last", "url": "https://x.com/"}
        lines.append((START_S + 60 * DAY_S + n, last))
    return [
        orjson.dumps({**body, "event_id": str(n), "occurred_at": rfc3339(at_s)})
        for n, (at_s, body) in enumerate(sorted(lines, key=lambda one: one[0]))
    ]


@pytest.fixture(scope="module")
def proposal():
    return refit(log(), house_of(RULES), EMAIL_KEY, START_S + 90 * DAY_S, RULES)


def test_a_rule_that_is_wrong_by_design_is_proposed_to_move(proposal):
    rules = {rule.name: rule for rule in proposal.scorecard.rules}
    assert rules["careers_page"].proposed < 10
    assert rules["pricing_page"].proposed == 20
    assert "too few outcomes" in rules["unsubscribed"].kept
    assert "-points = 30  # wrong by design" in proposal.rules_diff
    assert "pricing_page" not in [line[8:] for line in proposal.rules_diff.split("\n")]


def test_each_rule_shows_its_evidence(proposal):
    assert "careers_page             +30 -> " in proposal.text()
    assert "unsubscribed             -25 stays" in proposal.text()
    assert proposal.leads == 900
    assert proposal.too_recent == 1
    assert orjson.loads(orjson.dumps(proposal.to_json()))["is_empty"] is False


def test_it_is_applied_once_and_to_the_very_file(proposal, tmp_path):
    path = tmp_path / "rules.toml"
    path.write_bytes(RULES.encode())
    assert apply_proposal(proposal, path)
    changed = read_rules(path)
    assert changed.startswith("# Points by guess.")
    assert 'where.url.contains = "/pricing"  # once is enough' in changed
    with pytest.raises(RulesChangedError):
        apply_proposal(proposal, path)


def test_shuffled_outcomes_propose_nothing(tmp_path):
    lines = [orjson.loads(line) for line in log()]
    outcomes = [body for body in lines if body["type"] == "outcome"]
    leads = Random(1).sample([f"lead-{n}" for n in range(900)], len(outcomes))
    for body, lead in zip(outcomes, leads, strict=True):
        body["lead_id"] = lead
    for body in outcomes:  # after all first visits, as it may now be of any lead
        body["occurred_at"] = rfc3339(START_S + 10 * DAY_S)
    ordered = sorted(lines, key=lambda body: body["occurred_at"])
    proposal = refit(
        map(orjson.dumps, ordered), house_of(RULES), EMAIL_KEY, START_S + 90 * DAY_S, RULES
    )
    assert proposal.scorecard.won > 50
    assert proposal.is_empty
    assert "Nothing is to change" in proposal.text()
    assert not apply_proposal(proposal, tmp_path / "not there")


def test_a_score_by_other_points_is_what_these_would_have_given():
    old = parse_point_rules(RULES)
    new = parse_point_rules(RULES.replace("points = 30", "points = -10"))
    house = house_of(RULES)

    def scored(points):
        return score_one({}, points, None, house)

    earned = {"careers_page": 45.0, "pricing_page": 20.0}
    occasion = Occasion(0.0, {}, scored(earned), earned, True)
    expected = scored({"careers_page": -15.0, "pricing_page": 20.0}).score
    assert rescored(occasion, old, new, house) == pytest.approx(expected, abs=0.05)
    assert rescored(occasion, old, old, house) == occasion.scored.score
