"""What the leases of one offer pay where own use moves the price: written step by step as instances come and go.

The base path is drawn before the run and is the same for every policy; what is appended here is the policy's own doing.
An offer without own influence has none of this, and pays by its path.
"""

from __future__ import annotations

from bisect import bisect_right

from marketsim.supply.offer import OwnInfluence


class OwnPrice:
    """A price path that grows with the run; to those who bill and look, it answers as a `Path` does.

    Between two notes the number of own instances stands still and the price moves only with the exogenous part. Beyond
    the last note the last price holds.
    """

    __slots__ = ("_influence", "_own", "_sums", "_times", "_values")

    def __init__(self, influence: OwnInfluence) -> None:
        self._influence = influence
        self._own = 0
        self._times = [0]
        self._values = [influence.price(0, 0)]
        self._sums = [0.0]  # USD-seconds an hour from 0 to each time

    def note(self, t_s: int, own: int) -> None:
        """From now on so many instances are held."""
        self._reach(t_s)
        self._own = own
        self._append(t_s, self._influence.price(t_s, own))

    def _reach(self, t_s: int) -> None:
        """Write the steps of the exogenous part up to and at a time."""
        at_s = self._influence.changes_after(self._times[-1])
        while at_s is not None and at_s <= t_s:
            self._append(at_s, self._influence.price(at_s, self._own))
            at_s = self._influence.changes_after(at_s)

    def _append(self, t_s: int, usd: float) -> None:
        last = self._times[-1]
        if t_s == last:
            self._values[-1] = usd
        else:
            self._sums.append(self._sums[-1] + (t_s - last) * self._values[-1])
            self._times.append(t_s)
            self._values.append(usd)

    def at(self, t_s: int) -> float:
        """USD per instance-hour at a time, up to now."""
        self._reach(t_s)
        return self._values[max(bisect_right(self._times, t_s) - 1, 0)]

    def integral(self, from_s: int, to_s: int) -> float:
        """Price x seconds between two times; to_s may lie in the quantum that has begun."""
        self._reach(to_s)
        return self._until(to_s) - self._until(from_s)

    def _until(self, t_s: int) -> float:
        index = bisect_right(self._times, t_s) - 1
        return self._sums[index] + (t_s - self._times[index]) * self._values[index]

    def steps(self) -> list[tuple[int, float]]:
        """All that was written: (t_s, USD per instance-hour)."""
        return list(zip(self._times, self._values, strict=True))
