"""The topics, each in one place: name, key, messages, partitions, cleanup and retention."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from schemas import (
    activity,
    costs,
    crm,
    dead_letters,
    email,
    erasures,
    feedback,
    forms,
    learning,
    log,
    milestones,
    personalizer,
    scores,
    triggers,
    web,
    webhooks,
)
from schemas.base import Message

DAY_S = 86_400


@dataclass(frozen=True)
class Topic:
    """One topic of the contract.

    Parameters
    ----------
    name
        The topic's name, without the configured prefix.
    key
        What the record key is, in words.
    messages
        The models that its values are made of; several are told apart by ``type``.
    partitions
        ``1`` where order over all records matters; ``None`` for the configured number.
    cleanup
        Kafka's ``cleanup.policy``.
    retention_s
        Kafka's retention in seconds; ``None`` keeps records forever.
    direction
        ``input`` (others write), ``output`` (others read) or ``internal``.
    description
        One sentence for the generated documents.
    """

    name: str
    key: str
    messages: tuple[type[Message], ...]
    direction: Literal["input", "output", "internal"]
    description: str
    partitions: int | None = None
    cleanup: Literal["delete", "compact", "compact,delete"] = "delete"
    retention_s: int | None = 7 * DAY_S

    def adapter(self) -> TypeAdapter[Any]:
        """Return a validator for the topic's values."""
        models: Any = self.messages[0]
        for model in self.messages[1:]:
            models = models | model
        if len(self.messages) > 1:
            models = Annotated[models, Field(discriminator="type")]
        return TypeAdapter(models)

    def types(self) -> Iterator[str]:
        """Yield the ``type`` values that the topic carries."""
        for model in self.messages:
            (name,) = model.model_fields["type"].annotation.__args__  # type: ignore[union-attr]
            yield name


_CRM = (
    crm.LeadProfile,
    crm.StageChange,
    crm.Outcome,
    crm.Purchase,
    crm.SalesFeedback,
    crm.Consent,
    crm.Erasure,
    crm.LeadMerge,
    crm.Satisfaction,
)
_EMAIL = (
    email.EmailDelivered,
    email.EmailOpen,
    email.EmailClick,
    email.EmailReply,
    email.EmailBounce,
    email.EmailUnsubscribe,
)
_ANY_KEY = "any; route finds the lead"

PAGE_VIEWS = Topic(
    "page-views", _ANY_KEY, (web.PageView,), "input", "Pages shown, from the website's tracker."
)
EMAIL_EVENTS = Topic(
    "email-events",
    _ANY_KEY,
    _EMAIL,
    "input",
    "Deliveries, opens, clicks, replies, bounces, unsubscribes.",
)
FORM_FILLS = Topic(
    "form-fills", _ANY_KEY, (forms.FormFill,), "input", "Forms that visitors sent in."
)
LEAD_ACTIVITIES = Topic(
    "lead-activities",
    _ANY_KEY,
    (activity.Activity,),
    "input",
    "Anything else that a lead does or that is done with it.",
)
CRM_UPDATES = Topic(
    "crm-updates", _ANY_KEY, _CRM, "input", "Profiles, stages, outcomes, consent, erasure, merges."
)
COSTS = Topic(
    "costs",
    _ANY_KEY,
    (costs.Cost,),
    "input",
    "Marketing spend, of no single lead.",
    retention_s=400 * DAY_S,
)
NURTURE_FEEDBACK = Topic(
    "nurture-feedback",
    _ANY_KEY,
    (feedback.ActionResult,),
    "input",
    "What the automation platform did with a trigger.",
)
INPUTS = (
    PAGE_VIEWS,
    EMAIL_EVENTS,
    FORM_FILLS,
    LEAD_ACTIVITIES,
    CRM_UPDATES,
    COSTS,
    NURTURE_FEEDBACK,
)

LEAD_FORWARDS = Topic(
    "lead-forwards",
    "lead that the record goes to",
    (log.LeadMoved, log.Forwarded, log.AliasErased),
    "internal",
    "Histories and events on their way to the lead that they belong to.",
)
LEAD_EVENTS = Topic(
    "lead-events",
    "lead_id (anon:… and email:… for leads not yet named)",
    (
        *(m for t in INPUTS if t is not COSTS for m in t.messages),
        *(log.Link, log.LeadMoved, log.Forwarded, log.AliasErased, log.Tick, log.UseModel),
        *(log.LeadLeft, log.LeadAdopted, log.ErasuresAdopted),
    ),
    "internal",
    "The log that lead states are folded from: valid events, their lead resolved, and control "
    "records.",
)
LEAD_STATES = Topic(
    "lead-states",
    "lead_id; a keyed hash for each erased address; one further record a partition",
    (),
    "internal",
    "Changelog of the lead states, partitioned as lead-events.",
    cleanup="compact",
    retention_s=None,
)
LEAD_SCORES = Topic(
    "lead-scores",
    "lead_id",
    (scores.ScoreChanged, scores.SegmentChanged),
    "output",
    "Score changes with their reasons; changes of segment.",
)
NURTURE_TRIGGERS = Topic(
    "nurture-triggers",
    "lead_id",
    (triggers.NurtureTriggered,),
    "output",
    "What to do next with a lead.",
)
TRAINING_EXAMPLES = Topic(
    "training-examples",
    "model name",
    (learning.TrainingExample, learning.PolicyTransition, *milestones.MILESTONES),
    "internal",
    "Scored vectors with the labels that came later; decisions with what came of them; milestones "
    "of journeys, for reports.",
    partitions=1,
    retention_s=400 * DAY_S,
)
MODEL_SNAPSHOTS = Topic(
    "model-snapshots",
    "name/version, name/serving, name/pin, name/champion",
    (learning.ModelSnapshot, learning.ServingVersion, learning.Champion),
    "internal",
    "Versions of each model, and which one serves.",
    partitions=1,
    cleanup="compact",
    retention_s=None,
)
MODEL_CHECKPOINTS = Topic(
    "model-checkpoints",
    "name/kind",
    (learning.ModelCheckpoint,),
    "internal",
    "The learner's whole state, and how far it has learned.",
    partitions=1,
    cleanup="compact",
    retention_s=None,
)
DEAD_LETTERS = Topic(
    "dead-letters",
    "the refused record's key, email addresses in it as keyed hashes",
    (dead_letters.DeadLetter,),
    "output",
    "Refused events with a typed reason; the event itself is sealed, for a key of its own.",
)
DEAD_LETTER_REPLAYS = Topic(
    "dead-letter-replays",
    "the letter's TOPIC/PARTITION/OFFSET",
    (dead_letters.DeadLetterReplayed,),
    "internal",
    "Which dead letters were sent again: longer than the letters, so that none is sent twice.",
    partitions=1,
    retention_s=30 * DAY_S,
)
ERASURES = Topic(
    "erasures",
    "keyed hash of the lead",
    (erasures.LeadErased,),
    "output",
    "Leads that were forgotten, unnamed, and what of them ends later.",
    retention_s=1_100 * DAY_S,
)
WEBHOOK_DELIVERIES = Topic(
    "webhook-deliveries",
    "endpoint/ce_id",
    (webhooks.WebhookDelivery,),
    "internal",
    "What endpoints of webhooks have not taken yet, partitioned as what it came from.",
    cleanup="compact,delete",
)
WEBHOOK_ENDPOINTS = Topic(
    "webhook-endpoints",
    "endpoint",
    (webhooks.WebhookDisabled,),
    "internal",
    "Endpoints of webhooks that are disabled.",
    partitions=1,
    cleanup="compact",
    retention_s=None,
)
PERSONALIZER_EVENTS = Topic(
    "personalizer-events",
    "the event's id, as the caller gave it",
    (personalizer.ActionsRanked, personalizer.RankActivated, personalizer.RankRewarded),
    "internal",
    "What was ranked over HTTP, whether it was shown, and the rewards: the personalizer's model is "
    "folded from it.",
    partitions=1,
    retention_s=90 * DAY_S,
)

TOPICS = (
    *INPUTS,
    LEAD_FORWARDS,
    LEAD_EVENTS,
    LEAD_STATES,
    LEAD_SCORES,
    NURTURE_TRIGGERS,
    TRAINING_EXAMPLES,
    MODEL_SNAPSHOTS,
    MODEL_CHECKPOINTS,
    DEAD_LETTERS,
    DEAD_LETTER_REPLAYS,
    ERASURES,
    WEBHOOK_DELIVERIES,
    WEBHOOK_ENDPOINTS,
    PERSONALIZER_EVENTS,
)
