"""What a price process is: it draws the USD per GPU-hour of one offer, as steps over the whole run, before the run.

An offer multiplies by the GPUs of its shape, once. Prices given by the user (constant, replay, catalogue) stand as
given; drawn ones follow the market's state and may be a share of another offer's price.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from marketsim.errors import Fault, PriceError
from marketsim.path import Path
from marketsim.settings import Kind
from marketsim.throw import Throw

Column = Literal["on_demand", "spot", "commit1y", "commit3y"]


@dataclass(frozen=True)
class Asked:
    """Whose price is asked for: an offer, its provider, GPU and GPUs an instance, its zone, and on which terms."""

    offer_id: str
    provider: str = "own"
    gpu: str = ""
    gpus: int = 1
    zone: str = ""
    column: Column = "on_demand"
    key: str = ""  # dotted path of the setting, for messages

    @property
    def place(self) -> str:
        """The dotted path that messages name."""
        return self.key or f"supply.{self.offer_id}.usd_per_gpu_hour"


class PriceProcess(Kind):
    """One kind of price. `draw` is all that a world needs; the rest serves `check` and `list`.

    A kind's fields are its settings; its `kind` is what a scenario calls it once it stands in `marketsim.prices.KINDS`.

    >>> import marketsim as ms
    >>> from typing import Literal
    >>> class HalfAtNight(ms.PriceProcess):
    ...     kind: Literal["half_at_night"] = "half_at_night"
    ...     usd: float
    ...     def draw(self, throw, asked):
    ...         steps = [(day + at, self.usd * share) for day in range(0, throw.end_s + 1, 86_400)
    ...                  for at, share in ((0, 0.5), (21_600, 1.0))]
    ...         return ms.Path.steps(steps)
    >>> from marketsim.prices.process import Asked
    >>> from marketsim.throw import Throw
    >>> week = Throw(ms.Dice(seed=1), horizon_s=604_800, end_s=604_800)
    >>> path = HalfAtNight(usd=4.0).draw(week, Asked("cloud"))
    >>> path.at(3_600), path.mean(0, 86_400)  # USD per GPU-hour
    (2.0, 3.5)
    """

    def draw(self, throw: Throw, asked: Asked) -> Path:
        """USD per GPU-hour from second 0 to at least throw.end_s, every value above 0.

        throw: with dice of this price alone (`throw.under("prices/<offer>")`). Raises PriceError for a price that is
        missing, InputError for a file that is wrong.
        """
        raise NotImplementedError

    def now(self, asked: Asked) -> float | None:
        """USD per GPU-hour at second 0 where it is known without dice or files, else None."""
        return None

    def after(self) -> tuple[str, ...]:
        """Ids of the offers whose price must be drawn first."""
        return ()

    def warnings(self, asked: Asked, today: str) -> tuple[str, ...]:
        """What `check` should say of this price: old, estimated, or from memory. today: YYYY-MM-DD."""
        return ()


def other_price(throw: Throw, asked: Asked, offer_id: str) -> Path:
    """The price of the offer that this one is a ratio to; PriceError where it has none."""
    if offer_id not in throw.prices:
        known = ", ".join(sorted(throw.prices)) or "none"
        what = f"is a ratio to the price of {offer_id}, which has none"
        raise PriceError(
            Fault(what, key=f"{asked.place}.ratio_to", got=offer_id, allowed=f"an offer with a price: {known}")
        )
    return throw.prices[offer_id]
