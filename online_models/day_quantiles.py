"""Quantiles from counts in buckets whose bounds grow by a factor: off by a share, never by more."""

from collections.abc import Mapping
from math import ceil, exp, log
from typing import NamedTuple


class LogBuckets(NamedTuple):
    """Buckets that tell values from the lowest to the highest one to a relative error.

    Bounds grow by ``(1 + e) / (1 - e)``, and all values of a bucket are told as the one that is off
    from both its bounds by ``relative_error`` e (DDSketch: Masson, Rim and Lee, VLDB 2019). Lower
    values are told as the lowest, higher ones as the highest.

    Examples
    --------
    >>> minutes = LogBuckets(lowest=1.0, highest=1_440.0, relative_error=0.05)
    >>> counts = {minutes.bucket(value): 1 for value in (3.0, 40.0, 500.0)}
    >>> round(minutes.quantile(counts, 0.5), 1)
    38.5
    """

    lowest: float
    highest: float
    relative_error: float

    @property
    def last(self) -> int:
        """The number of the last bucket; the first one is 0."""
        return ceil(log(self.highest / self.lowest) / self._step)

    def bucket(self, value: float) -> int:
        """Return the bucket of a value.

        Raises
        ------
        ValueError
            If it is negative, infinite or no number.
        """
        if not 0.0 <= value < float("inf"):
            raise ValueError(f"value is {value!r}: it must be finite, 0 or more")
        if value <= self.lowest:
            return 0
        return min(self.last, ceil(log(value / self.lowest) / self._step))

    def value(self, bucket: int) -> float:
        """Return what values of a bucket are told as."""
        if bucket <= 0:
            return self.lowest
        middle = self.lowest * exp(bucket * self._step) * (1.0 - self.relative_error)
        return min(self.highest, middle)

    def quantile(self, counts: Mapping[int, int], share: float) -> float | None:
        """Return the value that a share of those counted do not exceed.

        Parameters
        ----------
        counts
            How many values there are, by bucket.
        share
            Above 0 and at most 1.

        Returns
        -------
        value
            The inverse of the distribution function; None where nothing is counted.
        """
        rank = share * sum(counts.values())
        reached = 0
        for bucket, count in sorted(counts.items()):
            reached += count
            if count and reached >= rank:
                return self.value(bucket)
        return None

    @property
    def _step(self) -> float:
        return log((1.0 + self.relative_error) / (1.0 - self.relative_error))
