"""What follows from an attempt: the message has arrived, is tried again, or is given up."""

from dataclasses import dataclass

from stream.lead.outputs import Origin, Output, dead_letter
from stream.lead.sealing import Sealer
from stream.webhooks.answers import Answer
from stream.webhooks.deliveries import Delivery
from stream.webhooks.schedule import GIVE_UP_AFTER_S, MAX_ATTEMPTS, next_attempt_s


@dataclass(frozen=True, slots=True)
class Arrived:
    """The endpoint has taken it."""


@dataclass(frozen=True, slots=True)
class Waits:
    """It is tried again when it is due; ``disables`` says that nothing more is sent before."""

    delivery: Delivery
    disables: bool = False


@dataclass(frozen=True, slots=True)
class GivenUp:
    """It becomes a dead letter."""

    delivery: Delivery
    message: str


Decision = Arrived | Waits | GivenUp


def decide(
    delivery: Delivery, answer: Answer, now_s: float, chance: float, *, has_room: bool
) -> Decision:
    """Return what becomes of a message after an attempt.

    Parameters
    ----------
    delivery
        As it was before the attempt.
    now_s
        The clock, epoch seconds.
    chance
        In [0, 1), for the schedule's jitter.
    has_room
        Whether one more message may wait. Where not, one that the receiver refuses for its own
        sake is given up at once rather than hold up others.
    """
    if answer.is_taken:
        return Arrived()
    if answer.is_gone:
        return Waits(delivery.failed(answer.words, now_s), disables=True)
    due_s = next_attempt_s(delivery.attempts + 1, now_s, chance, answer.retry_after_s)
    failed = delivery.failed(answer.words, now_s if due_s is None else due_s)
    if due_s is None or now_s - delivery.received_s > GIVE_UP_AFTER_S:
        return GivenUp(failed, f"{_attempts(failed)}, the last one: {answer.words}")
    if answer.refuses_message and not has_room:
        return GivenUp(failed, f"{answer.words}, and too many others wait to be tried again")
    return Waits(failed)


def is_overdue(delivery: Delivery, now_s: float) -> bool:
    """Tell whether a message has waited so long for its endpoint that it is given up."""
    return now_s - delivery.received_s > GIVE_UP_AFTER_S


def overdue(delivery: Delivery) -> GivenUp:
    """Give up a message that could not be tried: its endpoint is down, or disabled."""
    last = f", the last one: {delivery.failure}" if delivery.failure else ""
    days = GIVE_UP_AFTER_S / 86_400
    return GivenUp(delivery, f"down or disabled for {days:g} days; {_attempts(delivery)}{last}")


def letter(sealer: Sealer, given_up: GivenUp, now_s: float) -> Output:
    """Return the dead letter of a message that was given up; it can be replayed."""
    delivery = given_up.delivery
    source = delivery.source
    message = (
        f"webhook {delivery.endpoint!r} has not taken it ({given_up.message}); see to the "
        "receiver, then replay"
    )
    return dead_letter(
        sealer,
        Origin(source.topic, source.partition, source.offset, now_s, delivery.endpoint),
        delivery.lead_id.encode("utf-8", "surrogatepass"),
        delivery.stored(),
        stage="deliver",
        reason="undelivered",
        field=None,
        message=message,
    )


def _attempts(delivery: Delivery) -> str:
    count = delivery.attempts
    of = f" of {MAX_ATTEMPTS}" if count < MAX_ATTEMPTS else ""
    return f"{count} attempt{'' if count == 1 else 's'}{of}"
