"""Signatures hold for receivers of Standard Webhooks, while a secret is changed too."""

import base64
import time

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from stream.webhooks.signing import SecretError, parse_secrets, signed_headers

OLD, NEW, OTHER = ("whsec_" + base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
BODY = '{"type": "nurture_triggered", "lead_id": "Jürgen"}'.encode()


def test_receivers_know_the_old_and_the_new_secret_and_no_other():
    headers = signed_headers(parse_secrets(f"{NEW}, {OLD}\n"), "id-1", time.time(), BODY)
    for secret in (OLD, NEW):
        assert Webhook(secret).verify(BODY, headers)["lead_id"] == "Jürgen"
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


@pytest.mark.parametrize("part", ["webhook-id", "webhook-timestamp", "body"])
def test_what_was_changed_on_the_way_is_found(part):
    headers = signed_headers(parse_secrets(NEW), "id-1", time.time(), BODY)
    body = BODY
    if part == "body":
        body = BODY.replace(b"J", b"K")
    else:
        headers[part] = (
            "1" + headers[part][1:] if part == "webhook-id" else str(int(time.time()) + 9)
        )
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify(body, headers)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("s3cret", "does not begin with whsec_"),
        ("whsec_§§§", "not base64"),
        ("whsec_" + base64.b64encode(b"x" * 23).decode(), "23 bytes"),
        ("whsec_" + base64.b64encode(b"x" * 65).decode(), "65 bytes"),
        (f"{NEW} hunter2", "does not begin"),
    ],
)
def test_a_secret_that_cannot_be_used_is_refused_without_being_shown(text, message):
    with pytest.raises(SecretError, match=message) as refused:
        parse_secrets(text)
    assert "openssl" in str(refused.value)
    for word in text.split():
        if len(word) > len("whsec_"):
            assert word not in str(refused.value)
