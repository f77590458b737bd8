"""A smaller network of the same design, trained anew: fewer channels, lower resolution, fewer bits.

Figures are MobileNet v1's 32 published networks; what lies between them adds up the knobs' own effects. Multiply-adds
are not seconds: the speed-up by their ratio is what the arithmetic allows, and is marked unverified.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from marketsim.levers import catalogue
from marketsim.levers.effect import ANY, Effect
from marketsim.levers.lever import Lever

WHOLE = {"width": 1.0, "resolution": 224.0, "bits": 32.0}
WIDTHS = (0.25, 0.5, 0.75, 1.0)


class Shrink(Lever):
    """MobileNet v1 at a width multiplier, an input resolution and a number of bits."""

    kind: Literal["shrink"] = "shrink"

    width: Annotated[float, Field(ge=0.25, le=1)] = Field(description="share of the channels of each layer")
    resolution: Annotated[int, Field(ge=128, le=224)] = Field(default=224, description="input pixels along a side")
    bits: Literal[8, 32] = Field(default=32, description="bits a weight; 8 is trained so")

    def published(self) -> tuple[Effect, ...]:
        """The width asked for, then wider networks."""
        widths = [self.width, *(width for width in WIDTHS if width > self.width)]
        return tuple(self._network(width) for width in widths)

    def _network(self, width: float) -> Effect:
        at = {"width": width, "resolution": float(self.resolution), "bits": float(self.bits)}
        top1, base = catalogue.mobilenet(at, "top1"), catalogue.mobilenet(WHOLE, "top1")
        ratio = catalogue.mobilenet(WHOLE, "mmacs").mean / catalogue.mobilenet(at, "mmacs").mean
        return Effect(
            label=f"width {width:g}, {self.resolution} pixels, {self.bits} bits",
            metric="top1",
            before=base.mean,
            change=top1.mean - base.mean,
            se=top1.se,
            n=top1.n,
            size_ratio=catalogue.mobilenet(WHOLE, "mb").mean / catalogue.mobilenet(at, "mb").mean,
            train_speedup=1.0,
            prefill={ANY: ratio},
            decode={ANY: ratio},
            requires="int8" if self.bits == 8 else None,
            work=self.work_or(None),
            source=top1.source,
            unverified=True,
        )
