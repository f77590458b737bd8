"""Procurement: what to commit to, and when. One file a rule; `KINDS` is what a scenario may name."""

from marketsim.policies.procurement.breakeven import ReserveBreakeven, ReserveRandomized
from marketsim.policies.procurement.fixed_plan import FixedPlan
from marketsim.policies.procurement.layered import Layered
from marketsim.policies.procurement.none import NoCommitment
from marketsim.policies.procurement.own_vs_rent import OwnVsRent
from marketsim.policies.procurement.reserve_quantile import ReserveQuantile
from marketsim.policies.procurement.rolling import RollingLookahead
from marketsim.settings import Kind

KINDS: dict[str, type[Kind]] = {
    "none": NoCommitment,
    "fixed_plan": FixedPlan,
    "reserve_quantile": ReserveQuantile,
    "reserve_breakeven": ReserveBreakeven,
    "reserve_randomized": ReserveRandomized,
    "layered": Layered,
    "own_vs_rent": OwnVsRent,
    "rolling_lookahead": RollingLookahead,
}
