"""Services: the requests that were wanted and the share of them that nobody served."""

from __future__ import annotations

from marketsim.metrics import books
from marketsim.metrics.measured import Measured
from marketsim.metrics.metric import Breakdown, Metric, share, table


def unserved_share(measured: Measured) -> float | None:
    """Requests not served, or served outside the objective, over requests wanted."""
    served = measured.rows("served")
    wanted = int(served.wanted_milli.sum())
    return share(wanted - int(served.served_milli.sum()), wanted)


def requests(measured: Measured) -> float:
    """Requests wanted, of all services."""
    return int(measured.rows("served").wanted_milli.sum()) / 1000


def by_service(measured: Measured) -> dict[str, float | None]:
    """The unserved share of each service."""
    served, services = measured.rows("served"), measured.world.services
    wanted = books.sums(served.service, served.wanted_milli, len(services))
    given = books.sums(served.service, served.served_milli, len(services))
    return {one.name: share(int(wanted[i] - given[i]), int(wanted[i])) for i, one in enumerate(services)}


METRICS = table(
    [
        Metric("unserved_share", "share", "lower", "requests not served over requests wanted", unserved_share),
        Metric("requests", "requests", None, "requests wanted", requests),
    ]
)
BREAKDOWNS = [Breakdown("unserved_share/service", "share", "lower", "unserved share by service", by_service)]
