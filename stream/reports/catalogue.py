"""Which reports there are."""

from collections.abc import Mapping
from types import MappingProxyType

from stream.reports.attribution import AttributionReport
from stream.reports.cohorts import CohortsReport
from stream.reports.deal_value import DealValueReport
from stream.reports.forecast import ForecastReport
from stream.reports.journey import JourneyReport
from stream.reports.kpis import KpisReport
from stream.reports.lifetime_value import LifetimeValueReport
from stream.reports.report import Report
from stream.reports.segments import SegmentsReport
from stream.reports.topics import TopicsReport

KINDS: tuple[type[Report], ...] = (
    AttributionReport,
    ForecastReport,
    LifetimeValueReport,
    DealValueReport,
    KpisReport,
    CohortsReport,
    JourneyReport,
    SegmentsReport,
    TopicsReport,
)
REPORTS: Mapping[str, type[Report]] = MappingProxyType({kind.name: kind for kind in KINDS})
"""By the name that commands know them by."""
