"""The webhooks file is read strictly, and says what is wrong with it; filters hold back."""

import base64
from pathlib import Path

import pytest

from stream.webhooks.endpoints import Endpoint, WebhooksFileError, parse_webhooks
from stream.webhooks.loading import load_webhooks

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
GOOD = """
[[webhook]]
name = "crm"
url = "https://crm.example.com/leadstream"
secret_env = "CRM_SECRET"
messages = ["nurture_triggered", "score_changed"]
tiers = ["hot"]
order = "lead"
"""


def endpoint(**changed) -> Endpoint:
    fields = {
        "name": "a",
        "url": "https://a.example/",
        "secret_env": "S",
        "messages": ("nurture_triggered", "score_changed", "segment_changed"),
    }
    return Endpoint(**{**fields, **changed})


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"crm"', '"C R M"', 3, "name = 'C R M'"),
        ("https://crm", "http://crm", 4, "not https"),
        ("crm.example.com", "10.0.0.1", 4, "private_network = true"),
        ('secret_env = "CRM_SECRET"', "", 2, "one of secret_env and secret_file"),
        ("CRM_SECRET", "LEADSTREAM_X", 5, "another name"),
        ('"nurture_triggered", ', '"nurture_trigger", ', 6, "nurture_triggered"),
        ('["hot"]', '["hit"]', 7, "'hot', 'warm' or 'cold'"),
        ('"lead"', '"leads"', 8, "order = 'leads'"),
        ('order = "lead"', "timeout_s = 0", 8, "timeout_s = 0"),
        (
            'order = "lead"',
            "retries = 3",
            8,
            "there is no such field; known here: name, private_network, url",
        ),
        ('order = "lead"', 'segments = ["s1"]', 8, "segment_changed"),
        ('order = "lead"', GOOD, 10, "two webhooks are named 'crm'"),
        ("[[webhook]]", "[[webhook]", 2, "not TOML"),
    ],
)
def test_a_fault_is_told_with_its_line_and_what_to_do(old, new, line, message):
    text = GOOD.replace(old, new)
    with pytest.raises(WebhooksFileError) as refused:
        parse_webhooks(text)
    told = str(refused.value)
    assert message in told
    assert f"line {line}" in told
    assert "Mend" in told


def test_filters_hold_back_what_has_the_field_and_does_not_meet_them():
    fired = {"type": "nurture_triggered", "tier": "hot", "rule": "absence", "action": "call"}
    scored = {"type": "score_changed", "tier": "hot", "previous_tier": "warm"}
    moved = {"type": "segment_changed", "segment": "s1"}
    assert all(endpoint().takes(m) for m in (fired, scored, moved))
    assert not endpoint().takes({"type": "dead_letter"})
    assert not endpoint(messages=("score_changed",)).takes(fired)
    hot = endpoint(tiers=("hot",))
    assert hot.takes(moved)
    assert not hot.takes({**fired, "tier": "warm"})
    assert not hot.takes({**scored, "tier": None})
    assert endpoint(tier_changed=True).takes(scored)
    assert not endpoint(tier_changed=True).takes({**scored, "previous_tier": "hot"})
    assert endpoint(rules=("absence",)).takes(fired)
    assert not endpoint(rules=("tier_rose",)).takes(fired)
    assert endpoint(rules=("tier_rose",)).takes(scored)
    assert not endpoint(actions=("mail",)).takes(fired)
    assert endpoint(segments=("s1",)).takes(moved)
    assert not endpoint(segments=("s1",)).takes({**moved, "segment": None})


def test_what_asks_for_nothing_goes_out_only_where_it_is_asked_for():
    nothing = {"type": "nurture_triggered", "tier": "hot", "rule": "r", "action": "nothing"}
    assert not endpoint().takes(nothing)
    assert endpoint(actions=("nothing", "call")).takes(nothing)


def test_secrets_come_from_variables_and_files(tmp_path: Path):
    path, secret = tmp_path / "webhooks.toml", tmp_path / "secret"
    path.write_text(GOOD)
    (signed,) = load_webhooks(path, {"CRM_SECRET": f"{SECRET},{SECRET}"})
    assert signed.keys == (b"k" * 32, b"k" * 32)
    path.write_text(GOOD.replace('secret_env = "CRM_SECRET"', f'secret_file = "{secret}"'))
    with pytest.raises(WebhooksFileError, match=r"line 5: secret_file = .*cannot be read"):
        load_webhooks(path, {})
    secret.write_text(SECRET + "\n")
    assert load_webhooks(path, {})[0].keys == (b"k" * 32,)


def test_a_secret_that_is_missing_or_wrong_is_told_with_its_line(tmp_path: Path):
    path = tmp_path / "webhooks.toml"
    path.write_text(GOOD)
    with pytest.raises(WebhooksFileError, match="line 5: secret_env = 'CRM_SECRET': there is no"):
        load_webhooks(path, {})
    with pytest.raises(WebhooksFileError, match="whsec_") as refused:
        load_webhooks(path, {"CRM_SECRET": "hunter2"})
    assert "hunter2" not in str(refused.value)


def test_without_a_file_it_says_which_setting_is_missing(tmp_path: Path):
    with pytest.raises(WebhooksFileError, match="LEADSTREAM_WEBHOOKS_FILE is not set"):
        load_webhooks(None)
    with pytest.raises(WebhooksFileError, match="cannot be read"):
        load_webhooks(tmp_path / "absent.toml")
