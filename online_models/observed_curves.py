"""Where on a feature's axis examples were: which knots have been met, and how much at each."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class ObservedCurve:
    """What examples have shown of one number.

    Attributes
    ----------
    seen
        How many examples had it.
    knots, sums
        By the knot's name: its place on the axis, and the sum of the shares that it had.
    """

    seen: int = 0
    knots: dict[str, int] = field(default_factory=dict)
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, knot: int, share: float) -> None:
        """Note an example at a knot."""
        self.knots[name] = knot
        self.sums[name] = self.sums.get(name, 0.0) + share
