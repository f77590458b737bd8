"""Price processes by the name a scenario gives them; a new one is a file and a line here."""

from marketsim.prices.administered_step import AdministeredStep
from marketsim.prices.auction import Auction
from marketsim.prices.bootstrap import Bootstrap
from marketsim.prices.catalogue import Catalogue
from marketsim.prices.constant import Constant
from marketsim.prices.momentum_garch_t import MomentumGarchT
from marketsim.prices.on_demand_step import OnDemandStep
from marketsim.prices.ou import OrnsteinUhlenbeck
from marketsim.prices.ou_jump import JumpReversion
from marketsim.prices.process import PriceProcess
from marketsim.prices.regime_vol import RegimeVolatility
from marketsim.prices.replay import Replay
from marketsim.prices.smoothed_ou import SmoothedReversion

KINDS: dict[str, type[PriceProcess]] = {
    "constant": Constant,
    "catalogue": Catalogue,
    "replay": Replay,
    "bootstrap": Bootstrap,
    "ou": OrnsteinUhlenbeck,
    "ou_jump": JumpReversion,
    "regime_vol": RegimeVolatility,
    "momentum_garch_t": MomentumGarchT,
    "smoothed_ou": SmoothedReversion,
    "administered_step": AdministeredStep,
    "auction": Auction,
    "on_demand_step": OnDemandStep,
}
