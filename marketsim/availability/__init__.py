"""Availability processes by the name a scenario gives them; a new one is a file and a line here."""

from marketsim.availability.always import Always
from marketsim.availability.constant import Constant
from marketsim.availability.counts import Counts
from marketsim.availability.hours import Hours
from marketsim.availability.process import Availability
from marketsim.availability.replay import Replay
from marketsim.availability.two_state import TwoState

KINDS: dict[str, type[Availability]] = {
    "always": Always,
    "constant": Constant,
    "replay": Replay,
    "two_state": TwoState,
    "counts": Counts,
    "hours": Hours,
}
