"""What readers see is what the fold of the log sends: no more, and no less."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import orjson

from checks.verdict import Verdict, records_of, short
from schemas import topics
from stream.lead.outputs import Output
from stream.settings import Settings

FOLDED = (
    topics.LEAD_SCORES,
    topics.NURTURE_TRIGGERS,
    topics.TRAINING_EXAMPLES,
    topics.LEAD_FORWARDS,
    topics.DEAD_LETTERS,
)
"""Topics that the fold of the log says the content of (of the dead letters: those of score)."""

Sent = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
"""What a reader sees of a record: key, value, headers."""


def as_sent(record: Any) -> Sent:
    """Return what counts of a record or an output: key, value, headers."""
    return record.key, record.value, tuple((name, bytes(value)) for name, value in record.headers)


async def check_outputs(settings: Settings, verdict: Verdict, outputs: list[Output]) -> None:
    """Compare what readers see with what the fold sends."""
    for topic in FOLDED:
        records = await records_of(settings, topic)
        if topic is topics.DEAD_LETTERS:
            await _count_letters(records, verdict)
            records = [r for r in records if orjson.loads(r.value)["stage"] == "score"]
        recorded = Counter(as_sent(r) for r in records)
        expected = Counter(as_sent(o) for o in outputs if o.topic == topic.name)
        verdict.outputs[topic.name] = recorded.total()
        contents: dict[bytes, set[Sent]] = defaultdict(set)
        times: Counter[bytes] = Counter()
        for sent, count in recorded.items():
            ce_id = dict(sent[2]).get("ce_id")
            if ce_id is not None:
                contents[ce_id].add(sent)
                times[ce_id] += count
            elif count > expected[sent] > 0:
                verdict.duplicate_outputs.append(f"{topic.name}: {count} times {short(sent)}")
            if sent not in expected:
                verdict.state_mismatches.append(
                    f"{topic.name}: an output that the log does not lead to: {short(sent)}"
                )
        verdict.duplicate_outputs += [
            f"{topic.name}: ce_id {ce_id!r} {n} times" for ce_id, n in times.items() if n > 1
        ]
        verdict.conflicting_outputs += [
            f"{topic.name}: ce_id {ce_id!r} with contents {[short(s) for s in several]}"
            for ce_id, several in contents.items()
            if len(several) > 1
        ]
        verdict.state_mismatches += [
            f"{topic.name}: an output that the log leads to is not there: {short(sent)}"
            for sent, count in expected.items()
            if recorded[sent] < (count if settings.delivery == "exactly_once" else 1)
        ]


async def _count_letters(records: Iterable[Any], verdict: Verdict) -> None:
    """Count what route repeated: it may, since it keeps no state, and readers keep ids."""
    contents: dict[bytes, list[Sent]] = defaultdict(list)
    for record in records:
        if orjson.loads(record.value)["stage"] == "route":
            contents[dict(record.headers)["ce_id"]].append(as_sent(record))
    verdict.repeated_letters = sum(len(c) - 1 for c in contents.values())
    verdict.letters_of_two_contents = sum(len(set(c)) > 1 for c in contents.values())
