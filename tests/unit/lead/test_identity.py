import time

import pytest

from stream.lead import identity
from stream.lead.hashing import email_hash

KEY = b"secret"


@pytest.mark.parametrize("field", ["lead_id", "anonymous_id"])
@pytest.mark.parametrize(
    "value",
    ["null", "NULL", " undefined ", "None", "0", "000", "00000000-0000-0000-0000-000000000000",
     "-", "N/A", "(not set)", "[object Object]", " ", "unknown"],
)  # fmt: skip
def test_placeholders_stand_for_no_one(field, value):
    with pytest.raises(identity.IdentityError) as refused:
        identity.resolve({field: value, "other": 1})
    assert refused.value.field == field
    assert refused.value.reason == "bad_value"


@pytest.mark.parametrize("value", ["nullable", "0x1", "L-0", "testimony", "na-1", "guest7", "ÄÖ"])
def test_ids_that_only_look_like_placeholders_are_taken(value):
    assert identity.resolve({"lead_id": value}) == (value, ())


@pytest.mark.parametrize(
    ("event", "address", "links"),
    [
        ({"lead_id": "L", "email_hash": "h", "anonymous_id": "v"}, "L", ("email:h", "anon:v")),
        ({"email_hash": "h", "anonymous_id": "v"}, "email:h", ("anon:v",)),
        ({"lead_id": "L", "email_hash": "h"}, "L", ("email:h",)),
        ({"lead_id": None, "anonymous_id": "v"}, "anon:v", ()),
        ({"anonymous_id": "anon:v"}, "anon:anon:v", ()),
    ],
)
def test_the_strongest_identifier_wins_and_the_weaker_link_to_it(event, address, links):
    assert identity.resolve(event) == (address, links)


def test_no_identifier_is_a_missing_field():
    with pytest.raises(identity.IdentityError) as refused:
        identity.resolve({})
    assert refused.value.reason == "missing_field"


@pytest.mark.parametrize("value", ["anon:v", "email:abc", "\x00partition"])
def test_addresses_of_our_own_are_no_lead_ids(value):
    for event in ({"lead_id": value}, {"type": "lead_merge", "into_lead_id": value}):
        with pytest.raises(identity.IdentityError):
            identity.check_ids(event)


def test_only_anonymous_visitors_are_not_named():
    assert [identity.is_named(a) for a in ("L", "email:h", "anon:v")] == [True, True, False]


@pytest.mark.parametrize(
    "text",
    ["a.b+c@example.co.uk", "  Jane@Example.com ", "o'brien@example.com", "ü@exämple.de"],
)
def test_addresses_are_recognised(text):
    assert identity.is_email(text)
    assert "@" not in identity.hide_emails(f"write to <{text.strip()}>, please.", KEY)


@pytest.mark.parametrize("text", ["jane", "jane@", "@example.com", "jane@localhost", "a@b.c d"])
def test_what_is_no_address_is_none(text):
    assert not identity.is_email(text)


def test_an_address_hashes_the_same_wherever_it_stands():
    hashed = "email:" + email_hash("jane@example.com", KEY)
    hidden = identity.hide_emails(
        {"a": ["'JANE@example.com'", {"b": "jane@example.com"}], "jane@example.com": 1, "n": None},
        KEY,
    )
    assert hidden == {"a": [f"'{hashed}'", {"b": hashed}], hashed: 1, "n": None}


def test_the_hash_needs_the_key():
    assert email_hash("jane@example.com", KEY) != email_hash("jane@example.com", b"another")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://example.com/?mail={}&n=1", "jane@example.com"),
        ("https://example.com/?mail={}&n=1", "jane%40example.com"),
        ("/u/{}/edit#top", "jane%2540example.com"),
        ("?next=https%3A%2F%2Fexample.com%3Fmail%3D{}%26n%3D1", "jane%40example.com"),
        ("mailto:{}?subject=Hi", "jane@example.com"),
    ],
)
def test_a_url_stays_a_url_but_for_the_address(url, address):
    hashed = "email:" + email_hash("jane@example.com", KEY)
    assert identity.hide_emails(url.format(address), KEY) == url.format(hashed)


@pytest.mark.parametrize(
    "text",
    ["https://cdn.example/npm/pkg@1.2.3/a.js", "https://social.example/@jane", "50 % @ home"],
)
def test_what_only_has_the_sign_stays(text):
    assert identity.hide_emails(text, KEY) == text


@pytest.mark.parametrize(
    "text",
    ["a" * 200_000 + " @", "a@" + "b." * 90_000 + ",", "a@" * 90_000, "?a=" + "a" * 200_000 + "%40",
     "?" + "a%40" * 90_000, "?" + "%25" * 100_000 + "40", "://a@" + "b." * 200_000 + ",",
     "?a=" + ("b." * 120 + "@") * 2_000],
)  # fmt: skip
def test_long_texts_take_time_in_proportion(text):
    started_s = time.process_time()
    identity.hide_emails(text, KEY)
    assert time.process_time() - started_s < 3.0
