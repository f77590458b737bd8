"""Price processes by the name a scenario gives them; a new one is a file and a line here."""

from marketsim.prices.bootstrap import Bootstrap
from marketsim.prices.catalogue import Catalogue
from marketsim.prices.constant import Constant
from marketsim.prices.ou import OrnsteinUhlenbeck
from marketsim.prices.process import PriceProcess
from marketsim.prices.replay import Replay

KINDS: dict[str, type[PriceProcess]] = {
    "constant": Constant,
    "catalogue": Catalogue,
    "replay": Replay,
    "ou": OrnsteinUhlenbeck,
    "bootstrap": Bootstrap,
}
