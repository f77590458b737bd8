"""Procurement: what to commit to, and when. One file a rule; `KINDS` is what a scenario may name."""

from marketsim.policies.procurement.fixed_plan import FixedPlan
from marketsim.policies.procurement.none import NoCommitment
from marketsim.settings import Kind

KINDS: dict[str, type[Kind]] = {
    "none": NoCommitment,
    "fixed_plan": FixedPlan,
}
