"""Where and when: one file a rule."""

from marketsim.policies.placement.cheapest_feasible import CheapestFeasible
from marketsim.policies.placement.committed_first import CommittedFirst
from marketsim.policies.placement.greedy import Greedy, GreedySafe, SpotOnly
from marketsim.policies.placement.on_demand_only import OnDemandOnly
from marketsim.policies.placement.rule import Placement
from marketsim.policies.placement.spot_greedy import SpotGreedy
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
    "cheapest_feasible": CheapestFeasible,
    "committed_first": CommittedFirst,
}
