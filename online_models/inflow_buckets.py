"""Buckets of event time, as models of the inflow are handed them: in order, with their counts."""

MAX_BUCKET = 10**12
LARGEST_COUNT = 10**12


def check_next(bucket: int, count: int, last: int, longest_gap: int) -> None:
    """Refuse a bucket that cannot follow the last one, or a count that cannot be.

    Parameters
    ----------
    bucket, count
        What came.
    last
        The last bucket's number; below 0 if there was none.
    longest_gap
        In buckets.

    Raises
    ------
    ValueError
        It names field, value and remedy.
    """
    if not 0 <= bucket <= MAX_BUCKET:
        raise ValueError(f"bucket is {bucket!r}: it must be 0..{MAX_BUCKET}, since the epoch")
    if bucket <= last:
        raise ValueError(f"bucket is {bucket}, after {last}: add late counts up before, in order")
    if last >= 0 and bucket - last > longest_gap:
        raise ValueError(
            f"bucket is {bucket}, after {last}: more than {longest_gap} were left out; check the "
            "unit, or begin with a new model"
        )
    if not 0 <= count <= LARGEST_COUNT:
        raise ValueError(f"count is {count!r}: it must be 0..{LARGEST_COUNT}")
