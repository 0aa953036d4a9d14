"""Leaving an endpoint alone that is down, and finding out with one message at a time."""

from dataclasses import dataclass, replace

from stream.webhooks.answers import Answer

FAILURES_TO_OPEN = 5
FIRST_PAUSE_S = 5.0
LONGEST_PAUSE_S = 300.0
JITTER_RATIO = 0.2


@dataclass(frozen=True, slots=True)
class Circuit:
    """How an endpoint has done of late, in one process.

    Closed, it is sent to as its messages ask. After five failures on end it is open: nothing is
    sent until the pause is over, then one message; where that fails too, the pause doubles.

    Parameters
    ----------
    failures
        On end, without those that came while it was open.
    open_until_s
        Epoch seconds.

    Examples
    --------
    >>> circuit = Circuit()
    >>> for _ in range(5):
    ...     circuit = circuit.after(Answer(503), 100.0, 0.0)
    >>> circuit, circuit.allows(104.0, in_flight=0), circuit.allows(105.0, in_flight=0)
    (Circuit(failures=5, open_until_s=105.0), False, True)
    >>> circuit.allows(105.0, in_flight=1)
    False
    >>> circuit.after(Answer(200), 105.0, 0.0).allows(105.0, in_flight=7)
    True
    """

    failures: int = 0
    open_until_s: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the endpoint counts as down."""
        return self.failures >= FAILURES_TO_OPEN

    def allows(self, now_s: float, in_flight: int) -> bool:
        """Tell whether one more message may be sent."""
        return not self.is_open or (now_s >= self.open_until_s and in_flight == 0)

    def after(self, answer: Answer, now_s: float, chance: float) -> "Circuit":
        """Return the circuit after an attempt has ended.

        Parameters
        ----------
        chance
            In [0, 1): lengthens the pause by up to a fifth.
        """
        if answer.is_taken or answer.refuses_message:
            return Circuit()
        if answer.pause_s:
            return Circuit(
                max(self.failures, FAILURES_TO_OPEN),
                max(self.open_until_s, now_s + answer.pause_s),
            )
        if self.is_open and now_s < self.open_until_s:
            return self  # it was sent before the others had failed
        opened = replace(self, failures=self.failures + 1)
        if not opened.is_open:
            return opened
        doublings = min(opened.failures - FAILURES_TO_OPEN, 10)
        pause_s = min(FIRST_PAUSE_S * 2**doublings, LONGEST_PAUSE_S)
        return replace(opened, open_until_s=now_s + pause_s * (1.0 + JITTER_RATIO * chance))
