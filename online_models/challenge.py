"""Whether a challenger predicts better than the champion: a test that may be looked at any time."""

import math
from collections.abc import Sequence

CERTAIN = 0.05
"""Chance at most that a challenger that is no better ever wins a challenge."""
TIGHTEST_AT = 2_000.0
"""The examples after which the bound is as tight as it can be made."""
WINDOW = 20_000
"""Examples after which a challenge begins anew: what was long ago decides nothing."""
LEAST = 500
"""Examples before which nobody wins: after a promotion, they are the new champion's cool-off."""
LARGEST_LOSS = 5.0
"""Nats: a single sure and wrong prediction must not decide."""

_SPREAD = (math.log(1.0 / CERTAIN**2) + math.log(math.log(1.0 / CERTAIN**2)) + 1.0) / TIGHTEST_AT


def loss_of(y: bool, p: float) -> float:
    """Return a prediction's log loss in nats, at most ``LARGEST_LOSS``.

    >>> round(loss_of(True, 0.5), 4), loss_of(True, 0.0)
    (0.6931, 5.0)
    """
    likelihood = p if y else 1.0 - p
    return LARGEST_LOSS if likelihood <= 0.0 else min(LARGEST_LOSS, -math.log(likelihood))


class Challenge:
    r"""How much less a challenger's log loss is than the champion's, on the same examples.

    Both predict each example before they learn it. The challenger has won when the lower end of a
    confidence sequence of the mean difference is above zero. A confidence sequence holds at all
    times at once, so it may be looked at after each example without more false winners, which a
    test of a fixed size may not (asymptotic confidence sequence, Waudby-Smith et al. 2024, theorem
    2.2; for comparing forecasters, Choe and Ramdas 2023): with :math:`n` differences of deviation
    :math:`s` the mean is off by no more than

    .. math:: s \sqrt{\frac{2 (n r + 1)}{n^2 r} \log \frac{\sqrt{n r + 1}}{\alpha}}

    Examples
    --------
    >>> challenge = Challenge()
    >>> for n in range(600):
    ...     challenge.add(0.6 + 0.1 * (n % 2), 0.5)
    >>> challenge.is_won, round(challenge.advantage, 2)
    (True, 0.15)
    """

    def __init__(self) -> None:
        self._count = 0.0
        self._mean = 0.0
        self._squares = 0.0

    def add(self, champion_loss: float, challenger_loss: float) -> None:
        """Take in what both lost by one example, in nats."""
        if self._count >= WINDOW:
            self._count = self._mean = self._squares = 0.0
        difference = champion_loss - challenger_loss
        self._count += 1.0
        step = difference - self._mean
        self._mean += step / self._count
        self._squares += step * (difference - self._mean)

    @property
    def advantage(self) -> float:
        """How many nats an example the challenger has lost less, on average."""
        return self._mean

    @property
    def least_advantage(self) -> float:
        """The lower end of the confidence sequence; minus infinity before ``LEAST`` examples."""
        n = self._count
        if n < LEAST:
            return -math.inf
        reach = n * _SPREAD + 1.0
        spread = math.sqrt(2.0 * reach / (n * n * _SPREAD) * math.log(math.sqrt(reach) / CERTAIN))
        return self._mean - spread * math.sqrt(self._squares / n)

    @property
    def is_won(self) -> bool:
        """Whether the challenger is better, beyond chance."""
        return self.least_advantage > 0.0

    def checkpoint(self) -> list[float]:
        """Return the whole state."""
        return [self._count, self._mean, self._squares]

    @classmethod
    def restore(cls, state: Sequence[float]) -> "Challenge":
        """Go on from a checkpoint."""
        challenge = cls()
        challenge._count, challenge._mean, challenge._squares = state
        return challenge
