"""Whatever was linked and merged before: an erased lead is gone, and a replay keeps it gone."""

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from lead_stream import LeadStream, event

from stream.lead.erasure import ERASED_PREFIX
from stream.lead.progress import META_KEY
from stream.lead.stored_form import decode_document

LEADS, VISITORS = ["A", "B", "C", "D"], ["v", "w"]
LATE_S = [0, 0, 0, 500, 5_000]

steps = st.one_of(
    st.tuples(
        st.just("act"), st.sampled_from([None, *LEADS]), st.sampled_from([None, *VISITORS]),
        st.sampled_from([None, "a@example.com"]), st.sampled_from(LATE_S), st.booleans(),
    ),
    st.tuples(
        st.just("merge"), st.sampled_from(LEADS), st.sampled_from(LEADS), st.sampled_from(LATE_S),
        st.booleans(),
    ),
    st.tuples(st.just("erase"), st.sampled_from(LEADS), st.sampled_from([None, *VISITORS])),
    st.tuples(st.just("deliver")),
)  # fmt: skip
histories = st.lists(steps, min_size=1, max_size=25)


def told(history: list[Any], partitions: int) -> tuple[LeadStream, list[dict[str, Any]]]:
    """Let a history happen; return what was sent too."""
    stream, sent = LeadStream(partitions), []

    def send(one: dict[str, Any], *, deliver: bool) -> None:
        sent.append(one)
        stream.send(one, deliver=deliver)

    for number, step in enumerate(history):
        now_s = 100.0 * number
        match step:
            case ("act", lead, visitor, email, late_s, deliver):
                # An email address that changes leads leaves its visitors to its former one.
                email = email if lead in {None, "A"} else None
                named = {"lead_id": lead, "anonymous_id": visitor, "email": email}
                ids = {name: value for name, value in named.items() if value}
                if ids.keys() & {"lead_id", "anonymous_id"}:
                    send(event("form_fill", f"e{number}", now_s - late_s, **ids), deliver=deliver)
            case ("merge", one, into, late_s, deliver):
                if (
                    one > into
                ):  # circles that close while an erasure is under way are another matter
                    ids = {"lead_id": one, "into_lead_id": into}
                    send(event("lead_merge", f"m{number}", now_s - late_s, **ids), deliver=deliver)
            case ("erase", lead, visitor):
                ids = {"lead_id": lead} | ({"anonymous_id": visitor} if visitor else {})
                send(event("erasure", f"x{number}", now_s, **ids), deliver=False)
            case _:
                stream.deliver()
    stream.deliver()
    return stream, sent


def states(stream: LeadStream) -> dict[str, dict[str, Any]]:
    """Return what the changelogs hold of leads."""
    return {
        key.decode(): decode_document(value)
        for changelog in stream.changelogs
        for key, value in changelog.items()
        if key != META_KEY and not key.startswith(ERASED_PREFIX)
    }


def end_of(held: dict[str, dict[str, Any]], address: str) -> str:
    """Follow forwarding addresses to where the lead lives."""
    seen = {address}
    while (target := held.get(address, {}).get("forward_to")) and target not in seen:
        address = target
        seen.add(address)
    return address


def is_free_of(stream: LeadStream, gone: set[str]) -> bool:
    held = states(stream)
    # A device that was another lead's before is that lead's business too.
    named = {a for a in gone if not a.startswith(("anon:", "email:"))}
    return (
        not gone & held.keys()
        and not gone & {s.get("forward_to") for s in held.values()}
        and not named & {a for s in held.values() for a in s.get("aliases", ())}
    )


@settings(max_examples=150, deadline=None)
@given(histories, st.sampled_from(LEADS), st.sampled_from([1, 3]))
@example([("act", "A", "v", None, 0, True), ("merge", "B", "A", 0, True)], "B", 3)
def test_an_erased_lead_is_gone_and_a_replay_keeps_it_gone(history, lead, partitions):
    stream, sent = told(history, partitions)
    held = states(stream)
    root = end_of(held, lead)
    gone = {lead, root, *(a for a in held if end_of(held, a) == root)}

    stream.send(event("erasure", "last", 100.0 * len(history), lead_id=lead))
    assert is_free_of(stream, gone)
    assert stream.counts["erasure", "forward_chain"] == 0

    for number in range(partitions):
        stream.restart(number)
    outputs = len(stream.outputs)
    for one in sent:
        stream.send(one, deliver=False)
    stream.deliver()
    assert is_free_of(stream, gone)
    for output in stream.outputs[outputs:]:
        if output.topic in {"lead-scores", "nurture-triggers"}:
            assert output.key.decode() not in gone
