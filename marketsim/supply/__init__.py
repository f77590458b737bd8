"""Ways to get compute by the name a scenario gives them; a new one is a file and a line here."""

from marketsim.supply.capacity_block import CapacityBlock
from marketsim.supply.datacenter import Datacenter
from marketsim.supply.edge import Edge
from marketsim.supply.kind import OfferKind
from marketsim.supply.on_demand import OnDemand
from marketsim.supply.rental import Rental
from marketsim.supply.serverless import Serverless
from marketsim.supply.spot import Spot
from marketsim.supply.token_api import TokenApi

KINDS: dict[str, type[OfferKind]] = {
    "on_demand": OnDemand,
    "spot": Spot,
    "rental": Rental,
    "capacity_block": CapacityBlock,
    "datacenter": Datacenter,
    "edge": Edge,
    "serverless": Serverless,
    "token_api": TokenApi,
}
