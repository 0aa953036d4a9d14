"""Who may send."""

from base64 import b64encode

import pytest

from stream.collector.access import Access
from stream.collector.refusals import RefusedRequestError

ACCESS = Access(["first-key", "second-ключ"], ["https://www.example.com"])


def basic(text: str) -> str:
    return f"Basic {b64encode(text.encode()).decode()}"


@pytest.mark.parametrize(
    ("authorization", "in_body"),
    [
        (basic("first-key:"), None),
        (basic("second-ключ:anything"), None),
        (basic("first-key"), "wrong"),
        (None, "first-key"),
    ],
)
def test_a_right_key_lets_in(authorization: str | None, in_body: str | None) -> None:
    ACCESS.check_key(authorization, in_body)


@pytest.mark.parametrize(
    ("authorization", "in_body"),
    [
        (None, None),
        (None, ""),
        (None, "first-keyx"),
        (None, "\ud800"),
        (basic("wrong:first-key"), "first-key"),
        (basic(":"), None),
        ("Bearer first-key", None),
        ("Basic ###", None),
        ("Basic /w==", None),
        ("Basic", None),
    ],
)
def test_no_other_does(authorization: str | None, in_body: str | None) -> None:
    with pytest.raises(RefusedRequestError, match="user name of basic authentication") as caught:
        ACCESS.check_key(authorization, in_body)
    assert caught.value.status == 401
    assert "first-key" not in str(caught.value)


def test_without_keys_nobody_may_send() -> None:
    with pytest.raises(RefusedRequestError):
        Access([], []).check_key(None, "")


def test_pages_of_named_origins_may_send() -> None:
    assert ACCESS.check_origin(None) == {}
    headers = ACCESS.check_origin("https://www.EXAMPLE.com")
    assert headers["Access-Control-Allow-Origin"] == "https://www.EXAMPLE.com"
    assert headers["Vary"] == "Origin"
    for origin in ("https://example.com", "http://www.example.com", "null", ""):
        with pytest.raises(RefusedRequestError, match="LEADSTREAM_COLLECT_ORIGINS") as caught:
            ACCESS.check_origin(origin)
        assert caught.value.status == 403
    assert Access([], ["*"]).check_origin("null")["Access-Control-Allow-Origin"] == "null"
