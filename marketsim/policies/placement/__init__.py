"""Where and when: one file a rule."""

from marketsim.policies.placement.cheapest_feasible import CheapestFeasible
from marketsim.policies.placement.committed_first import CommittedFirst
from marketsim.policies.placement.on_demand_only import OnDemandOnly
from marketsim.policies.placement.rule import Placement
from marketsim.policies.placement.spot_greedy import SpotGreedy

KINDS: dict[str, type[Placement]] = {
    "on_demand_only": OnDemandOnly,
    "spot_greedy": SpotGreedy,
    "cheapest_feasible": CheapestFeasible,
    "committed_first": CommittedFirst,
}
