"""When a message is tried again, and when it is given up."""

RETRY_DELAYS_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds to the next attempt, as Standard Webhooks 1.0.0 suggests: ten attempts in three days."""
MAX_ATTEMPTS = len(RETRY_DELAYS_S) + 1
JITTER_RATIO = 0.1
GIVE_UP_AFTER_S = 345_600.0
"""Four days: the whole schedule with its jitter, and well before Kafka deletes (seven days)."""


def next_attempt_s(
    attempts: int, now_s: float, chance: float, retry_after_s: float | None = None
) -> float | None:
    """Return when a message is tried again; None where it is given up.

    Parameters
    ----------
    attempts
        How many there were, at least one.
    now_s
        The clock, epoch seconds.
    chance
        In [0, 1): spreads attempts over a tenth of the delay, so that they do not come at once.
    retry_after_s
        Seconds that the receiver asked for; it is not tried sooner.

    Examples
    --------
    >>> next_attempt_s(1, 100.0, 0.0), next_attempt_s(2, 100.0, 0.5), next_attempt_s(10, 100.0, 0.0)
    (105.0, 415.0, None)
    >>> next_attempt_s(1, 100.0, 0.0, retry_after_s=60.0)
    160.0
    """
    if attempts >= MAX_ATTEMPTS:
        return None
    delay_s = RETRY_DELAYS_S[attempts - 1] * (1.0 + JITTER_RATIO * chance)
    return now_s + max(delay_s, retry_after_s or 0.0)
