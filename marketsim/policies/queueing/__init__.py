"""Who is next: one file a rule."""

from marketsim.policies.queueing.clairvoyant import (
    ClairvoyantLeastSlack,
    ClairvoyantSjf,
    ClairvoyantSrpt,
    ClairvoyantWspt,
)
from marketsim.policies.queueing.edf import Edf, PreemptiveEdf
from marketsim.policies.queueing.fair_share import FairShare
from marketsim.policies.queueing.fifo import Fifo
from marketsim.policies.queueing.least_slack import LeastSlack
from marketsim.policies.queueing.priority import PreemptivePriority, Priority
from marketsim.policies.queueing.rule import Queueing
from marketsim.policies.queueing.sjf import Sjf
from marketsim.policies.queueing.srpt import Srpt
from marketsim.policies.queueing.wspt import Wspt

KINDS: dict[str, type[Queueing]] = {
    "fifo": Fifo,
    "sjf": Sjf,
    "srpt": Srpt,
    "wspt": Wspt,
    "edf": Edf,
    "preemptive_edf": PreemptiveEdf,
    "least_slack": LeastSlack,
    "priority": Priority,
    "preemptive_priority": PreemptivePriority,
    "fair_share": FairShare,
    "clairvoyant_sjf": ClairvoyantSjf,
    "clairvoyant_srpt": ClairvoyantSrpt,
    "clairvoyant_wspt": ClairvoyantWspt,
    "clairvoyant_least_slack": ClairvoyantLeastSlack,
}
