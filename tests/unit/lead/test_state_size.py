"""Whatever a lead does, its state takes no more than so many bytes."""

from random import Random

from lead_stream import HOUSE, START_S, LeadStream, event

from stream.lead.stored_form import encode_state

LARGEST_BYTES = 128 * 1024
"""Against some 1.5 KB of a typical lead (README, Guarantees)."""


def _strain(stream: LeadStream, rng: Random, first: int, count: int) -> None:
    """Send events that are new in every way that a state takes note of."""
    for n in range(first, first + count):
        at_s = n * 40.0
        url = f"https://example.com/{n}-{'x' * 300}/page-{n}?q={rng.random()}"
        attributes = {f"name {n} {k} {'y' * 200}": "z" * 500 for k in range(5)}
        wide = {"lead_id": "L", "anonymous_id": f"visitor-{n}-{'w' * 90}"}
        stream.send(
            event("page_view", f"view {n}", at_s, lead_id="L", url=url, duration_s=9.0),
            event("activity", f"act {n}", at_s, lead_id="L", name=f"act {n} {'a' * 90}"),
            event("lead_profile", f"profile {n}", at_s, lead_id="L", attributes=attributes),
            event("consent", f"c{n}", at_s, lead_id="L", purpose=f"purpose {n}", granted=True),
            event("stage_change", f"s{n}", at_s, lead_id="L", stage=f"stage {n} {'b' * 200}"),
            event("email_click", f"m{n}", at_s, lead_id="L", message_id=f"mail {n}", url=url),
            event("form_fill", f"form {n}", at_s, **wide),
        )


def test_a_state_is_bounded_whatever_its_lead_does() -> None:
    stream, rng = LeadStream(house=HOUSE), Random(1)
    _strain(stream, rng, 0, 110)
    first = len(encode_state(stream.lead("L")))
    _strain(stream, rng, 110, 30)
    second = len(encode_state(stream.lead("L")))
    print(f"{first} bytes after 770 events, {second} after 980")
    assert second < LARGEST_BYTES
    assert second < 1.05 * first
    assert stream.overflows > 0, "what did not fit is counted"
    assert stream.lead("L").last_at_s == START_S + 139 * 40.0
