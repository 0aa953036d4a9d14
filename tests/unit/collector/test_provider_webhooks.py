"""Mail providers' webhooks: only theirs, each once, and what they tell as events."""

import hmac
from base64 import b64encode
from hashlib import sha256
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from stream.collector import webhooks
from stream.collector.collecting import Collector
from stream.collector.refusals import RefusedRequestError
from stream.collector.webhooks import (
    MAILGUN_WINDOW_S,
    SENDGRID_SIGNATURE,
    SENDGRID_TIMESTAMP,
    Mailgun,
    SendGrid,
    WebhookKeyError,
)
from stream.lead.routing import Router
from stream.lead.sealing import Sealer

NOW_S = 1772443810.0
OWN = ec.generate_private_key(ec.SECP256R1())
PUBLIC = b64encode(
    OWN.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
).decode()
SENDGRID = SendGrid(PUBLIC, 86_400.0)
SIGNING_KEY = "a-signing-key"
COLLECTOR = Collector(Router(b"key", Sealer(b"key")))


def signed(body: bytes, at: str = "1772443800", key: Any = OWN) -> dict[str, str]:
    signature = key.sign(at.encode() + body, ec.ECDSA(SHA256()))
    return {SENDGRID_SIGNATURE: b64encode(signature).decode(), SENDGRID_TIMESTAMP: at}


def of_sendgrid(*items: Any) -> list[dict[str, Any]]:
    body = orjson.dumps(items)
    return list(SENDGRID.events(signed(body), body, NOW_S))


def item(event: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": "jane@example.com",
        "timestamp": 1772443700,
        "event": event,
        "sg_event_id": "sg-e-1",
        "sg_message_id": "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
        **fields,
    }


def test_sendgrids_events_are_those_of_mails() -> None:
    (event,) = of_sendgrid(
        item("click", url="https://example.com/", useragent="Mozilla/5.0", campaign_id="c-1")
    )
    assert event == {
        "type": "email_click",
        "event_id": "sg-e-1",
        "occurred_at": "2026-03-02T09:28:20.000000Z",
        "lead_id": "jane@example.com",
        "message_id": "14c5d75ce93",
        "campaign_id": "c-1",
        "url": "https://example.com/",
        "context": {"user_agent": "Mozilla/5.0"},
    }
    assert COLLECTOR.collect_event(event, NOW_S).refusal is None
    (named,) = of_sendgrid(item("open", lead_id="lead-1"))
    assert (named["type"], named["lead_id"]) == ("email_open", "lead-1")


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("delivered", "email_delivered"),
        ("open", "email_open"),
        ("bounce", "email_bounce"),
        ("spamreport", "email_unsubscribe"),
        ("unsubscribe", "email_unsubscribe"),
        ("group_unsubscribe", "email_unsubscribe"),
        ("processed", None),
        ("deferred", None),
        ("group_resubscribe", None),
    ],
)
def test_what_sendgrid_tells(event: str, kind: str | None) -> None:
    assert [found["type"] for found in of_sendgrid(item(event))] == ([kind] if kind else [])


def test_what_a_machine_opened_and_what_is_no_event_is_passed_over() -> None:
    assert of_sendgrid(item("open", sg_machine_open=True), 5, {}, {"event": []}) == []


def test_what_sendgrid_leaves_out_is_left_to_be_refused() -> None:
    (event,) = of_sendgrid({"event": "open", "timestamp": "yesterday"})
    refusal = COLLECTOR.collect_event(event, NOW_S).refusal
    assert refusal is not None
    assert refusal.field in {"event_id", "occurred_at", "lead_id"}


@given(st.binary(min_size=1, max_size=40), st.integers(0, 5_000))
def test_a_changed_body_is_not_sendgrids(noise: bytes, at: int) -> None:
    body = orjson.dumps([item("open")])
    headers, place = signed(body), at % len(body)
    changed = body[:place] + noise + body[place + len(noise) :]
    if changed != body:
        with pytest.raises(RefusedRequestError, match="not SendGrid's"):
            list(SENDGRID.events(headers, changed, NOW_S))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "not SendGrid's"),
        ({SENDGRID_SIGNATURE: "###", SENDGRID_TIMESTAMP: "1772443800"}, "not SendGrid's"),
        (signed(b"[]", key=ec.generate_private_key(ec.SECP256R1())), "not SendGrid's"),
        ({**signed(b"[]"), SENDGRID_TIMESTAMP: "1772443801"}, "not SendGrid's"),
        (signed(b"[]", "1772300000"), "no time within 86400 s"),
        (signed(b"[]", "1772543800"), "no time within 86400 s"),
        (signed(b"[]", "soon"), "no time within"),
    ],
)
def test_who_is_not_sendgrid_is_refused(headers: dict[str, str], said: str) -> None:
    with pytest.raises(RefusedRequestError, match=said) as caught:
        list(SENDGRID.events(headers, b"[]", NOW_S))
    assert caught.value.status == 403


@pytest.mark.parametrize("key", ["###", "c2hvcnQ=", "-----BEGIN PUBLIC KEY-----"])
def test_a_key_that_is_none_is_told(key: str) -> None:
    with pytest.raises(WebhookKeyError, match="LEADSTREAM_SENDGRID_VERIFICATION_KEY"):
        SendGrid(key, 1.0)


def mail(event: str, *, at: str = "1772443800", once: str = "t-1", **fields: Any) -> bytes:
    signature = hmac.new(SIGNING_KEY.encode(), f"{at}{once}".encode(), sha256).hexdigest()
    data = {
        "event": event,
        "id": "mg-1",
        "timestamp": 1772443700.5,
        "recipient": "jane@example.com",
        "message": {"headers": {"message-id": "m-1@mg.example.com"}},
        "client-info": {"user-agent": "Mozilla/5.0"},
        **fields,
    }
    return orjson.dumps(
        {
            "signature": {"timestamp": at, "token": once, "signature": signature},
            "event-data": data,
        }
    )


def test_mailguns_events_are_those_of_mails() -> None:
    body = mail("clicked", url="https://example.com/", **{"user-variables": {"lead_id": "lead-1"}})
    once, (event,) = Mailgun(SIGNING_KEY).events(body, NOW_S)
    assert once == "t-1"
    assert event == {
        "type": "email_click",
        "event_id": "mg-1",
        "occurred_at": "2026-03-02T09:28:20.500000Z",
        "lead_id": "lead-1",
        "message_id": "m-1@mg.example.com",
        "url": "https://example.com/",
        "context": {"user_agent": "Mozilla/5.0"},
    }
    assert COLLECTOR.collect_event(event, NOW_S).refusal is None


@pytest.mark.parametrize(
    ("event", "fields", "kind"),
    [
        ("delivered", {}, "email_delivered"),
        ("opened", {}, "email_open"),
        ("opened", {"client-info": {"bot": "apple"}}, None),
        ("failed", {"severity": "permanent"}, "email_bounce"),
        ("failed", {"severity": "temporary"}, None),
        ("complained", {}, "email_unsubscribe"),
        ("unsubscribed", {}, "email_unsubscribe"),
        ("accepted", {}, None),
    ],
)
def test_what_mailgun_tells(event: str, fields: Any, kind: str | None) -> None:
    _, events = Mailgun(SIGNING_KEY).events(mail(event, **fields), NOW_S)
    assert [found["type"] for found in events] == ([kind] if kind else [])


def test_a_token_counts_once_and_only_after_its_events_are_kept() -> None:
    mailgun, body = Mailgun(SIGNING_KEY), mail("opened")
    for _ in range(2):  # the first time Kafka had not taken it
        token, _ = mailgun.events(body, NOW_S)
    mailgun.remember(token, NOW_S)
    with pytest.raises(RefusedRequestError, match="used before") as caught:
        mailgun.events(body, NOW_S)
    assert caught.value.status == 406
    mailgun.events(mail("opened", once="t-2"), NOW_S)


def test_tokens_are_forgotten_once_their_time_is_over_and_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "MAX_TOKENS", 3)
    mailgun = Mailgun(SIGNING_KEY)
    for number in range(5):
        mailgun.remember(f"t-{number}", NOW_S)
    mailgun.events(mail("opened", once="t-1"), NOW_S)
    with pytest.raises(RefusedRequestError):
        mailgun.events(mail("opened", once="t-4"), NOW_S)
    mailgun.remember("t-9", NOW_S + 3 * MAILGUN_WINDOW_S)
    mailgun.events(mail("opened", once="t-4"), NOW_S)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"{", 400),
        (b"{}", 406),
        (mail("opened").replace(b'"t-1"', b'"t-2"'), 406),
        (mail("opened", at=str(int(NOW_S - MAILGUN_WINDOW_S - 1))), 406),
        (mail("opened", at="9" * 400), 406),
    ],
)
def test_who_is_not_mailgun_is_refused(body: bytes, status: int) -> None:
    with pytest.raises(RefusedRequestError) as caught:
        Mailgun(SIGNING_KEY).events(body, NOW_S)
    assert caught.value.status == status
