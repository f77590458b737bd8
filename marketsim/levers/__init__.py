"""Ways to need less compute, or to protect data at a price; a scenario names them by kind."""

from marketsim.levers.chain import Chain
from marketsim.levers.curve import Curve
from marketsim.levers.distillation import Distillation
from marketsim.levers.federated import Federated
from marketsim.levers.lever import Lever
from marketsim.levers.privacy import Privacy
from marketsim.levers.pruning import Pruning
from marketsim.levers.quantization import Quantization
from marketsim.levers.shrink import Shrink
from marketsim.levers.training import LowRank, MixedPrecision

KINDS: dict[str, type[Lever]] = {
    "quantization": Quantization,
    "pruning": Pruning,
    "distillation": Distillation,
    "shrink": Shrink,
    "low_rank": LowRank,
    "mixed_precision": MixedPrecision,
    "chain": Chain,
    "federated": Federated,
    "privacy": Privacy,
    "curve": Curve,
}
