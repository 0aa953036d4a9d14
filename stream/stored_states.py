"""Looking into stored lead states from outside the workers."""

from typing import Any

from online_models.served_deal_value import ServedDealValue
from online_models.served_lifetime_value import PredictsLifetimeValue
from schemas import topics
from stream.kafka.clients import partition_of, partitions_of, read_latest
from stream.kafka.snapshots import read_snapshots
from stream.lead import worth
from stream.lead.consent import GATES, may
from stream.lead.decide import score_state
from stream.lead.discount import discounted
from stream.lead.hashing import email_hash
from stream.lead.identity import EMAIL, MAX_HOPS, LeadNotFoundError, is_email
from stream.lead.outputs import encode_key, rfc3339
from stream.lead.points import standing
from stream.lead.progress import META_KEY
from stream.lead.scoring import reasons_of
from stream.lead.state import LeadState
from stream.lead.stored_form import decode_document, decode_state
from stream.lead.topics_in_use import TopicsInUse, in_use
from stream.models import (
    DEAL_VALUE,
    LIFETIME_VALUE,
    P_CONVERT,
    SEGMENTS,
    TOPICS,
    SnapshotStore,
)
from stream.settings import Settings


async def latest_states(settings: Settings, number: int) -> dict[bytes, bytes]:
    """Return the last value of each key in a partition of the changelog."""
    return await read_latest(settings, settings.topic(topics.LEAD_STATES.name), number)


def address_of(settings: Settings, lead_id: str) -> str:
    """Return the address that a lead is known by: of an email address, its keyed hash."""
    if is_email(lead_id):
        return EMAIL + email_hash(lead_id, settings.email_key.get_secret_value().encode())
    return lead_id


async def find_lead(settings: Settings, lead_id: str) -> tuple[LeadState, float]:
    """Return a lead's state, found through forwarding addresses, and its log's time.

    Raises
    ------
    LeadNotFoundError
        If no state is stored under this id.
    """
    partitions = await partitions_of(settings, topics.LEAD_EVENTS)
    address = address_of(settings, lead_id)
    for _ in range(MAX_HOPS):
        key = encode_key(address)
        states = await latest_states(settings, partition_of(key, partitions)) if partitions else {}
        if key not in states:
            break
        state = decode_state(states[key])
        if state.forward_to is None:
            return state, float(decode_document(states[META_KEY])["now_s"])
        address = state.forward_to
    raise LeadNotFoundError(
        f"no state of lead {lead_id!r}; ids are case-sensitive, visitors are anon:ID, and leads "
        "known by mail go by their email address or its email:HASH"
    )


async def explain(settings: Settings, lead_id: str) -> dict[str, Any]:
    """Return what a lead's score is made of, as of its last event."""
    state, now_s = await find_lead(settings, lead_id)
    store = SnapshotStore()
    await read_snapshots(settings, store)
    house = settings.house()
    scorer = store.scorer(P_CONVERT, state.model_version) if state.model_version else None
    scored, points, x = score_state(state, state.last_at_s, scorer, house)
    kept = state.milestones
    topics, deal_model = _topics(store), _deal_value(store)
    return {
        "lead_id": state.lead_id,
        "asked_for": lead_id,
        "score": scored.score,
        "tier": state.tier,
        "p_convert": scored.p_convert,
        "p_low": scored.p_low,
        "p_high": scored.p_high,
        "points": round(points, 2),
        "points_by_rule": {
            rule: round(p, 2)
            for rule, p in standing(state.ledger, house.points, state.last_at_s).items()
        },
        "reasons": reasons_of(scored, {} if topics is None else topics.facts),
        "expected_value": worth.expected(
            state, scored.p_convert, now_s, house, _lifetime_value(store), x, deal_model
        ),
        "deal_value": worth.deal_told(state, x, house, deal_model),
        "model": P_CONVERT,
        "model_version": scored.version,
        "model_weight": scored.model_weight,
        "stage": state.stage,
        "segment": _segment(state, store),
        "rule_segments": state.rule_segments,
        "texts": _texts(state, topics),
        "outcome": state.outcome,
        "attributes": state.attributes,
        "consent": {
            purpose: {"granted": granted, "since": rfc3339(at_s)}
            for purpose, (granted, at_s) in state.consent.items()
        },
        "allowed": {purpose: may(state, purpose, house) for purpose in GATES},
        "first_seen_at": rfc3339(state.first_at_s),
        "last_event_at": rfc3339(state.last_at_s),
        "as_of": rfc3339(now_s),
        "events": state.events,
        "journey": [
            {"occurred_at": rfc3339(at_s), "what": kind, "points": points}
            for at_s, kind, points in state.journey
        ],
        "source": None if kept is None else kept.source,
        "touchpoints": [
            {"occurred_at": rfc3339(at_s), "channel": channel, "campaign": campaign}
            for at_s, channel, campaign in (kept.touches if kept is not None else ())
        ],
        "discounted": [
            {"kind": kind, "count": count, "reason": reason, "latest_at": rfc3339(at_s)}
            for kind, reason, count, at_s in discounted(state)
        ],
        "open_decisions": [
            {
                "trigger_id": trigger_id,
                "rule": rule,
                "action": action,
                "decided_at": rfc3339(at_s),
                "expires_at": rfc3339(expires_s),
            }
            for trigger_id, (rule, action, at_s, expires_s) in state.decisions.items()
        ],
    }


def _segment(state: LeadState, store: SnapshotStore) -> dict[str, str | None] | None:
    """Return the id of a lead's segment, and what sets its leads apart."""
    if state.segment is None:
        return None
    version = store.serving(SEGMENTS)
    scorer = None if version is None else store.segments(version)
    return {"id": state.segment, "name": None if scorer is None else scorer.name_of(state.segment)}


def _texts(state: LeadState, topics: TopicsInUse | None) -> list[dict[str, Any]]:
    """Return what was read from a lead's newest texts."""
    return [
        {
            "occurred_at": rfc3339(at_s),
            "language": language,
            "sentiment": sentiment,
            "intents": intents,
            "topic": None
            if topic is None
            else {
                "id": topic,
                "name": None if topics is None else topics.scorer.names.get(topic),
            },
        }
        for at_s, language, sentiment, intents, topic, _ in state.texts
    ]


def _topics(store: SnapshotStore) -> TopicsInUse | None:
    version = store.serving(TOPICS)
    scorer = None if version is None else store.topics(version)
    return None if version is None or scorer is None else in_use(version, scorer)


def _lifetime_value(store: SnapshotStore) -> PredictsLifetimeValue | None:
    version = store.serving(LIFETIME_VALUE)
    return None if version is None else store.lifetime_value(version)


def _deal_value(store: SnapshotStore) -> ServedDealValue | None:
    version = store.serving(DEAL_VALUE)
    return None if version is None else store.deal_value(version)
