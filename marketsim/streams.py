"""Random numbers by name: every column of dice has a name of its own, so adding one changes no other.

A stream is `Generator(PCG64DXSM(SeedSequence(seed, spawn_key=(replication, crc32(name), entity))))`, and its variates
come from its own uniforms through an inverse distribution function: the i-th draw belongs to the i-th thing, a longer
horizon appends draws, and two policies meet the same throw. What depends on a choice (a failure during the third
attempt of a job) cannot be drawn ahead; it takes a keyed hash of what it belongs to.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dice:
    """All the dice of one replication; `prefix` names whose they are, as in `prices/aws-p5`.

    mirrored: every uniform u is thrown as 1 - u, the other half of an antithetic pair; what takes a whole `stream` is
    thrown as it is.

    >>> import marketsim as ms
    >>> dice = ms.Dice(seed=1, replication=4)
    >>> few, more = dice.uniforms("arrivals", 3), dice.uniforms("arrivals", 5)  # shape (3,) and (5,), in [0, 1)
    >>> bool((few == more[:3]).all()), dice.keyed("outage", 7, 2) == dice.keyed("outage", 7, 2)
    (True, True)
    """

    seed: int
    replication: int = 0
    prefix: str = ""
    mirrored: bool = field(default=False, repr=False)

    def under(self, name: str) -> Dice:
        """The same dice with names below `name`: what a family hands to one of its kinds."""
        return replace(self, prefix=f"{self.prefix}{name}/")

    def stream(self, name: str, entity: int = 0) -> np.random.Generator:
        """A fresh generator at the start of the named stream; asking twice gives the same numbers twice."""
        key = (self.replication, zlib.crc32((self.prefix + name).encode()), entity)
        return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(self.seed, spawn_key=key)))

    def uniforms(self, name: str, count: int, entity: int = 0) -> Floats:
        """The first `count` uniforms in [0, 1) of a stream, shape (count,); more of them extend, never change."""
        found = self.stream(name, entity).random(count)
        return (1 - 2.0**-53) - found if self.mirrored else found  # the mirror of [0, 1) in steps of 2^-53

    def normals(self, name: str, count: int, entity: int = 0) -> Floats:
        """Standard normal variates, shape (count,)."""
        return normal(self.uniforms(name, count, entity))

    def keyed(self, name: str, *parts: int) -> float:
        """A uniform in (0, 1) that belongs to (seed, replication, name, parts) and to nothing else."""
        text = "|".join(str(part) for part in (self.seed, self.replication, self.prefix + name, *parts))
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        found = ((int.from_bytes(digest, "big") >> 11) + 0.5) * 2.0**-53
        return 1 - found if self.mirrored else found


def exponential(uniforms: Floats | float, mean: float = 1.0) -> Floats:
    """Exponential variates by inversion, -mean ln(1 - u); mean in the unit of the result."""
    return -mean * np.log1p(-np.asarray(uniforms, dtype=np.float64))


def normal(uniforms: Floats | float) -> Floats:
    """Standard normal variates by inversion; u = 0 is taken as the smallest u there is, so the result is finite."""
    return special.ndtri(np.maximum(np.asarray(uniforms, dtype=np.float64), 2.0**-54))


def lognormal(uniforms: Floats | float, median: float, sigma: float) -> Floats:
    """Lognormal variates with the given median and standard deviation of the logarithm."""
    return median * np.exp(sigma * normal(uniforms))


def gamma(uniforms: Floats | float, shape: float, scale: float) -> Floats:
    """Gamma variates with mean shape x scale."""
    return scale * special.gammaincinv(shape, np.asarray(uniforms, dtype=np.float64))


def pick(uniforms: Floats, weights: Floats) -> NDArray[np.int64]:
    """Indices drawn in proportion to weights, shape as uniforms."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    return np.minimum(np.searchsorted(edges / edges[-1], uniforms, side="right"), len(edges) - 1).astype(np.int64)
