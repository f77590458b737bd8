"""Where and when: one file a rule."""

from marketsim.policies.placement.as_recorded import AsRecorded
from marketsim.policies.placement.cheapest_feasible import CheapestFeasible
from marketsim.policies.placement.committed_first import CommittedFirst
from marketsim.policies.placement.data_aware import DataAware
from marketsim.policies.placement.escalate import LeastSlackEscalation
from marketsim.policies.placement.greedy import Greedy, GreedySafe, SpotOnly
from marketsim.policies.placement.hold_when_scarce import HoldWhenScarce
from marketsim.policies.placement.multi_zone_progress import MultiZoneProgress
from marketsim.policies.placement.on_demand_only import OnDemandOnly
from marketsim.policies.placement.pack_shapes import PackShapes
from marketsim.policies.placement.rule import Placement
from marketsim.policies.placement.spot_greedy import SpotGreedy
from marketsim.policies.placement.spot_hedge import SpotHedge
from marketsim.policies.placement.spot_utility import SpotUtility
from marketsim.policies.placement.time_sliced import TimeSliced
from marketsim.policies.placement.uniform_progress import UniformProgress

KINDS: dict[str, type[Placement]] = {
    "on_demand_only": OnDemandOnly,
    "spot_only": SpotOnly,
    "spot_greedy": SpotGreedy,
    "greedy": Greedy,
    "greedy_safe": GreedySafe,
    "time_sliced": TimeSliced,
    "uniform_progress": UniformProgress,
    "multi_zone_progress": MultiZoneProgress,
    "spot_utility": SpotUtility,
    "least_slack_escalation": LeastSlackEscalation,
    "cheapest_feasible": CheapestFeasible,
    "committed_first": CommittedFirst,
    "as_recorded": AsRecorded,
    "pack_shapes": PackShapes,
    "data_aware": DataAware,
    "spot_hedge": SpotHedge,
    "hold_when_scarce": HoldWhenScarce,
}
