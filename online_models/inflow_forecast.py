"""Inflow: how many leads, conversions or how much revenue the next hours or days will bring."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from online_models import formats
from online_models.inflow_buckets import MAX_BUCKET, check_next
from online_models.inflow_errors import MAX_HORIZONS, ErrorsState, HorizonErrors

Array = NDArray[np.float64]

CHECKPOINT_SCHEMA = 1
LIBRARY = "leadstream inflow forecast"
LEVEL_SEASONS = 2.0
"""The level follows the mean of the last season in so many seasons, but for 1/e."""
PROFILE_MEMORY = 0.98
"""A week counts so much as the one after it, in the profile of the week."""
PROFILE_PRIOR_WEEKS = 1.0
"""So many weeks' worth of belief that each weekday has the same hours."""
RECENT_MEMORY = 0.9
"""What one average bucket ago brought counts so much as what came now, in the recent level."""
MAX_GAP_SEASONS = 8
MAX_SEASON = 1_000


class Forecast(NamedTuple):
    """What a bucket will bring: the mean, and the interval that holds 90 % of counts."""

    bucket: int
    mean: float
    lower: int
    upper: int


State = Annotated[list[formats.NotNegative], Field(max_length=MAX_SEASON)]
Origin = Annotated[list[formats.NotNegative], Field(min_length=2, max_length=2)]


@with_config(formats.STRICT)
class ForecastState(TypedDict):
    """The whole state."""

    schema: int
    library: str
    season: int
    day: int
    horizons: int
    seen: formats.Count
    bucket: Annotated[int, Field(ge=-1, le=MAX_BUCKET)]
    level: formats.NotNegative
    counts: State
    sums: State
    exposures: State
    recent: Origin
    origins: Annotated[list[Origin], Field(max_length=MAX_HORIZONS)]
    errors: ErrorsState


_STATE: TypeAdapter[Any] = TypeAdapter(ForecastState)


class InflowForecast:
    r"""Forecasts counts with a season, bucket by bucket, with intervals that it checks itself.

    The mean is the level of the last season, times the bucket's place in the profile of the
    season, times what the last buckets were above or below that. How far the last factor holds at
    a horizon is learned by regression on the errors at that horizon. A profile is a ratio of sums
    with forgetting, as the mean of a gamma law under discounting (Harvey and Fernandes 1989,
    "Time series models for count or qualitative observations"), so that hours in which nobody
    comes cost nothing. Intervals are quantiles of negative binomial laws of variance
    :math:`\varphi\mu + \psi\mu^2`, by horizon; their levels follow the misses by adaptive conformal
    inference (Gibbs and Candès 2021), below and above apart. Where counts are so few that no
    interval holds exactly 90 %, a count at a bound is a miss in part, as it is of a randomised
    interval; so nights in which nobody comes, which every interval holds, narrow no other.

    Own code: River's ``HoltWinters`` divides by the season's factor, which nights make 0, or adds
    it, whatever the level; it and ``SNARIMAX`` give no intervals and no checkpoint, and
    ``tests/benchmarks/test_inflow.py`` has their errors.

    Revenue is a count too, of minor units. Buckets are numbered since the epoch; who wants
    profiles that follow summer time numbers them by the local clock.

    Parameters
    ----------
    season
        Buckets in a season: 168 hours or 7 days.
    day
        Buckets in a day, by which scarce counts are pooled; divides ``season``.
    horizons
        How many buckets ahead are forecast.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Examples
    --------
    >>> model = InflowForecast(season=7, day=1, horizons=2)
    >>> for bucket in range(700):
    ...     model.learn_one(bucket, 0 if bucket % 7 > 4 else 99 + bucket % 3)
    >>> [(of.bucket, round(of.mean)) for of in model.forecast()]
    [(700, 100), (701, 100)]
    """

    def __init__(self, season: int = 168, day: int = 24, horizons: int = 24) -> None:
        if not 1 <= season <= MAX_SEASON:
            raise ValueError(f"season is {season!r}: it must be 1..{MAX_SEASON} buckets")
        if not 1 <= day <= season or season % day:
            raise ValueError(f"day is {day!r}: it must divide season ({season})")
        if not 1 <= horizons <= MAX_HORIZONS:
            raise ValueError(f"horizons is {horizons!r}: it must be 1..{MAX_HORIZONS} buckets")
        self.season, self.day, self.horizons = season, day, horizons
        self.seen = 0
        self.bucket = -1
        self._counts: Array = np.zeros(season)
        self._sums: Array = np.zeros(season)
        self._exposures: Array = np.zeros(season)
        self._smoothed = 0.0
        self._recent = (0.0, 0.0)
        self._origins: list[tuple[float, float]] = []
        self._errors = HorizonErrors(horizons)

    @property
    def is_warm(self) -> bool:
        """Whether a whole season was seen."""
        return self.seen >= self.season

    def learn_one(self, bucket: int, count: int) -> None:
        """Learn what a bucket brought; buckets that were left out brought nothing.

        Parameters
        ----------
        bucket
            Its number since the epoch, above that of the last.
        count
            How many came, or minor units of revenue.

        Raises
        ------
        ValueError
            If the bucket is not after the last or too far after it, or the count is negative or
            too large. Nothing is learned then.
        """
        check_next(bucket, count, self.bucket, MAX_GAP_SEASONS * self.season)
        for missing in range(self.bucket + 1 if self.seen else bucket, bucket):
            self._learn(missing, 0.0)
        self._learn(bucket, float(count))

    def forecast(self) -> list[Forecast]:
        """Return what the next buckets will bring, the nearest first; none before any was seen."""
        if not self.seen:
            return []
        level, ratio = self._level(), self._ratio()
        ahead = self.bucket + 1 + np.arange(self.horizons)
        base = level * self._profile()[ahead % self.season]
        mean = self._errors.means(base, np.full(self.horizons, ratio))
        lower, upper = self._errors.interval(mean)
        return [
            Forecast(int(b), float(m), int(lo), int(hi))
            for b, m, lo, hi in zip(ahead, mean, lower, upper, strict=True)
        ]

    def season_total(self) -> float:
        """Return what a season brings at its present level."""
        return self._level() * self.season

    def spread_of_level(self, horizon: int = 1) -> float:
        r"""Return the forecast's relative error besides that of counting, :math:`\sqrt{\psi}`."""
        return float(np.sqrt(self._errors.spread[horizon - 1]))

    def checkpoint(self) -> dict[str, Any]:
        """Return the whole state, as plain JSON."""
        return {
            "schema": CHECKPOINT_SCHEMA,
            "library": LIBRARY,
            "season": self.season,
            "day": self.day,
            "horizons": self.horizons,
            "seen": self.seen,
            "bucket": self.bucket,
            "level": self._smoothed,
            "counts": self._counts.tolist(),
            "sums": self._sums.tolist(),
            "exposures": self._exposures.tolist(),
            "recent": list(self._recent),
            "origins": [list(origin) for origin in self._origins],
            "errors": self._errors.checkpoint(),
        }

    @classmethod
    def restore(
        cls, checkpoint: dict[str, Any], season: int = 168, day: int = 24, horizons: int = 24
    ) -> "InflowForecast":
        """Rebuild a model from its checkpoint; it goes on as if nothing had happened.

        Raises
        ------
        ModelFormatError
            If the checkpoint is of another schema, has other buckets, or is broken.
        """
        formats.check_origin(checkpoint, CHECKPOINT_SCHEMA, LIBRARY)
        state: ForecastState = formats.validated(_STATE, checkpoint, "inflow forecast")
        model = cls(season, day, horizons)
        model.seen, model.bucket = state["seen"], state["bucket"]
        model._smoothed = state["level"]
        model._counts, model._sums = np.array(state["counts"]), np.array(state["sums"])
        model._exposures = np.array(state["exposures"])
        model._recent = (state["recent"][0], state["recent"][1])
        model._origins = [(level, ratio) for level, ratio in state["origins"]]
        if (
            (state["season"], state["day"], state["horizons"]) != (season, day, horizons)
            or {len(model._counts), len(model._sums), len(model._exposures)} != {season}
            or len(model._origins) != min(max(model.seen - season + 1, 0), horizons)
            or (model.seen > 0) != (model.bucket >= 0)
        ):
            raise formats.ModelFormatError(
                f"inflow forecast is broken: its buckets are not those of season {season}, day "
                f"{day} and {horizons} horizons; the former one stays in use"
            )
        model._errors = HorizonErrors.restore(state["errors"], horizons)
        return model

    def _learn(self, bucket: int, count: float) -> None:
        slot = bucket % self.season
        place = float(self._profile()[slot])
        if self.is_warm:
            origins = np.array(self._origins[::-1])
            self._errors.learn(count, origins[:, 0] * place, origins[:, 1])
            memory = RECENT_MEMORY**place
            came, places = self._recent
            self._recent = (memory * came + count, memory * places + place)
        self._counts[slot] = count
        self.seen, self.bucket = self.seen + 1, bucket
        if self.is_warm:
            mean = float(self._counts.sum()) / self.season
            share = 1.0 if self.seen == self.season else 1.0 / (LEVEL_SEASONS * self.season)
            self._smoothed += share * (mean - self._smoothed)
        exposure = self._level()
        self._sums[slot] = PROFILE_MEMORY * self._sums[slot] + count
        self._exposures[slot] = PROFILE_MEMORY * self._exposures[slot] + exposure
        if self.seen == self.season:
            self._exposures[:] = self._level()
        if self.is_warm:
            self._origins = [*self._origins, (self._level(), self._ratio())][-self.horizons :]

    def _level(self) -> float:
        return self._smoothed if self.is_warm else 1.0

    def _ratio(self) -> float:
        came, places = self._recent
        noise = float(self._errors.noise[0])
        return (came + noise) / (self._level() * places + noise)

    def _profile(self) -> Array:
        """Return each bucket's share of the level; before a season was seen, its mean count."""
        sums, exposures = (a.reshape(-1, self.day) for a in (self._sums, self._exposures))
        total = max(float(exposures.sum()), 1e-9)
        mean = float(sums.sum()) / total
        by_hour = (sums.sum(0) + 1e-9 * mean) / (exposures.sum(0) + 1e-9)
        by_day = np.ones(len(sums))
        if self.is_warm and mean > 0.0:
            by_day = sums.sum(1) / np.maximum(exposures.sum(1), 1e-9) / mean
        prior = by_day[:, None] * by_hour
        belief = PROFILE_PRIOR_WEEKS * max(self._level(), 1e-9)
        profile = np.asarray((sums + belief * prior) / (exposures + belief)).ravel()
        # Else what the level lacks after a rise would be in the profile as well.
        return profile / max(float(profile.mean()), 1e-9) if self.is_warm else profile


def over_capacity(forecasts: Sequence[Forecast], capacity: int) -> list[Forecast]:
    """Return the forecasts that exceed what can be handled in a bucket, in their order.

    Parameters
    ----------
    forecasts
        Of days, say.
    capacity
        How many can be handled in each. Where a forecast's ``lower`` exceeds it too, only one
        bucket in twenty is expected to be handled.

    Raises
    ------
    ValueError
        If the capacity is negative.

    Examples
    --------
    >>> over_capacity([Forecast(1, 80.5, 60, 101), Forecast(2, 120.0, 95, 147)], 90)
    [Forecast(bucket=2, mean=120.0, lower=95, upper=147)]
    """
    if capacity < 0:
        raise ValueError(f"capacity is {capacity!r}: it must be 0 or more")
    return [forecast for forecast in forecasts if forecast.mean > capacity]
