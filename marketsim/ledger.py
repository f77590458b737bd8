"""What happened: append-only tables of whole numbers, from which every figure is computed.

The engine writes, nothing else does; nobody downstream knows the engine. A table is one flat typed array, a row after a
row, so that writing one costs one call; columns come out as numpy views.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

ACCOUNTS = (
    "cash",
    "prepaid",
    "servers",
    "payable",
    "equity",
    "expense:usage",
    "expense:contract",
    "expense:depreciation",
    "expense:capital",
    "expense:power",
    "expense:space",
    "expense:staff",
    "expense:maintenance",
    "expense:network",
    "expense:storage",
    "expense:tokens",
    "expense:lever",
    "expense:backlog",
    "expense:end-valuation",
    "expense:tax",
    "expense:interest",
    "expense:fee",
    "income:revenue",
    "income:credits",
    "debt",
)
ACCOUNT = {name: index for index, name in enumerate(ACCOUNTS)}

CAUSES = (
    "finished",
    "reclaimed",  # keepable fell
    "failed",  # outage of an instance, or of the busy clock
    "stopped",  # by the policy
    "moved",  # by the policy, to another offer
    "preempted",  # by a job that the queue rule puts first
    "contract-ended",
    "left",  # patience ended in the queue
    "refused",  # bounded queue
    "cancelled",  # by the policy
    "unfinished",  # at the end of the drain
)
CAUSE = {name: index for index, name in enumerate(CAUSES)}

REFERENCES = ("lease", "commitment", "offer", "service", "job", "none", "lever")
REFERENCE = {name: index for index, name in enumerate(REFERENCES)}

TABLES: dict[str, tuple[str, ...]] = {
    # a job of a closed loop is submitted, when the one before it has ended; jobs whose time the world knows have no row
    "submitted": ("t_s", "job", "deadline_s"),
    # job j begins attempt a on an instance (the first of a gang), with so much of each; work begins at ready_s
    "started": ("t_s", "job", "attempt", "offer", "instance", "milli", "ready_s"),
    # the other instances of a gang's attempt
    "gangs": ("job", "attempt", "instance"),
    # an attempt ends (attempt 0: the job was waiting): work kept and lost in milli-GPU-seconds, and seconds of it
    "stopped": ("t_s", "job", "attempt", "cause", "kept", "lost", "overhead_s", "checkpoint_s"),
    # an instance is held from launch to release; commitment is -1 for metered ones
    "launched": ("t_s", "instance", "offer", "seat", "up_s", "commitment"),
    "released": ("t_s", "instance", "cause"),
    # a seat is down between two times
    "outages": ("t_s", "offer", "seat", "until_s"),
    # a service holds so many replicas (or milli-requests a second, of a token offer) at an offer from then on
    "scaled": ("t_s", "service", "offer", "replicas", "milli_requests_per_s"),
    # a service held this much of an instance (one row an instance), from launch or share to release; written when it
    # ends, at the latest at the end of the run; it served from ready_s on
    "replicas": ("from_s", "ready_s", "to_s", "service", "offer", "instance", "milli"),
    # thousandths of requests of a service over a span: wanted and served
    "served": ("from_s", "to_s", "service", "wanted_milli", "served_milli"),
    "signed": ("t_s", "commitment", "offer", "instances", "delivered_s", "ends_s"),
    # a contract is ended by the policy before the day that its row in `signed` states
    "terminated": ("t_s", "commitment"),
    "adopted": ("t_s", "lever", "target", "ready_s", "outcome"),
    "decided": ("t_s", "job", "offer", "reason"),
    # money: one row a posting; reference and its number say what for, job and service whom for (-1: nobody). The
    # opening cash is the world's and is not posted; the owner's rounds and other burn are cash against equity; imputed
    # capital cost is expense:capital against equity; where only one of the two amounts is given the other is 0
    "posted": ("t_s", "debit", "credit", "billed", "effective", "offer", "reference", "number", "job", "service"),
}


class Table:
    """Rows of whole numbers. `write(row)` appends one; `column(name)` is a read-only view, shape (rows,)."""

    __slots__ = ("cells", "columns", "name", "width", "write")

    def __init__(self, name: str) -> None:
        self.name = name
        self.columns = TABLES[name]
        self.width = len(self.columns)
        self.cells = array("q")
        self.write = self.cells.extend

    def __len__(self) -> int:
        return len(self.cells) // self.width

    def rows(self) -> NDArray[np.int64]:
        """All rows, shape (rows, columns)."""
        return np.array(self.cells, np.int64).reshape(-1, self.width)

    def column(self, name: str) -> NDArray[np.int64]:
        """One column, shape (rows,)."""
        return self.rows()[:, self.columns.index(name)]

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame, one column a name."""
        import pandas as pd

        return pd.DataFrame(self.rows(), columns=list(self.columns))

    def __getstate__(self) -> tuple[str, bytes]:
        return self.name, self.cells.tobytes()

    def __setstate__(self, state: tuple[str, bytes]) -> None:
        self.__init__(state[0])  # type: ignore[misc]
        self.cells.frombytes(state[1])


@dataclass
class Ledger:
    """All tables of one run, its end, and what the tables' numbers stand for.

    A table of `TABLES` is an attribute; its columns are whole numbers, shape (rows,): seconds, micro-dollars,
    milli-GPU-seconds, and indices into the world's jobs and offers or into `ACCOUNTS` and `CAUSES`.

    >>> import marketsim as ms
    >>> scenario = ms.load("speech", ["horizon=2 w"])
    >>> ledger = ms.simulate(ms.build_world(scenario), ms.policy_of(scenario, "cloud-only"))
    >>> len(ledger.started) == int(sum(ledger.stopped.column("attempt") > 0))  # each start has one stop
    True
    >>> list(ledger.released.frame().columns)
    ['t_s', 'instance', 'cause']
    """

    policy: str = ""
    horizon_s: int = 0
    end_s: int = 0
    insolvent_s: int | None = None
    unpriced_jobs: int = 0  # unfinished jobs whose backlog no price list could value
    reasons: list[object] = field(default_factory=list)  # what `decided` rows point to
    tables: dict[str, Table] = field(default_factory=lambda: {name: Table(name) for name in TABLES})

    def __post_init__(self) -> None:
        self.__dict__.update(self.tables)  # each table is an attribute, found as quickly as any other

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Table: ...
