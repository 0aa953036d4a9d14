"""Opens of mails are taken from signed pixels only."""

import pytest
from multidict import MultiDict
from yarl import URL

from stream.collector.pixel import GIF, opened, pixel_path
from stream.collector.refusals import RefusedRequestError

KEY = b"a-pixel-key"


def test_a_signed_pixel_tells_of_its_lead_and_mail() -> None:
    query = URL(pixel_path(KEY, "lead ü&=1", "m-1", "c-1")).query
    assert opened(query, KEY, 0.0, "e-1", "Mozilla/5.0") == {
        "type": "email_open",
        "event_id": "e-1",
        "occurred_at": "1970-01-01T00:00:00.000000Z",
        "lead_id": "lead ü&=1",
        "message_id": "m-1",
        "campaign_id": "c-1",
        "context": {"user_agent": "Mozilla/5.0"},
    }
    assert "message_id" not in opened(URL(pixel_path(KEY, "lead-1")).query, KEY, 0.0, "e", None)
    assert GIF.startswith(b"GIF89a")


@pytest.mark.parametrize(
    "changed",
    [
        {"lead_id": "lead-2"},
        {"message_id": "", "campaign_id": "m-1"},
        {"campaign_id": "c-2"},
        {"signature": ""},
        {"signature": "ü"},
        {"signature": "0" * 32},
    ],
)
def test_no_other_is_taken(changed: dict[str, str]) -> None:
    query = MultiDict(URL(pixel_path(KEY, "lead-1", "m-1")).query)
    opened(query, KEY, 0.0, "e", None)
    with pytest.raises(RefusedRequestError, match="leadstream pixel-url") as caught:
        opened({**query, **changed}, KEY, 0.0, "e", None)
    assert caught.value.status == 403
    with pytest.raises(RefusedRequestError):
        opened(query, b"another-key", 0.0, "e", None)
