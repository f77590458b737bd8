"""M/M/10 in other people's simulators, with the same customers: SimPy's resources, Ciw and salabim.

Each function takes arrival and service times in order of arrival and gives the sum of waits in the same unit. Ciw and
salabim come with the extra `[dev]`; one that is not there is left out by name.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Generator, Sequence
from typing import Any

import simpy

SERVERS = 10
Rival = Callable[[Sequence[int], Sequence[int]], float]


def simpy_resource(arrival: Sequence[int], service: Sequence[int]) -> float:
    """SimPy as its documentation would have it: a process for each customer, a resource of ten."""
    env = simpy.Environment()
    servers = simpy.Resource(env, SERVERS)
    waited = 0

    def customer(length: int) -> Generator[simpy.Event, Any, None]:
        nonlocal waited
        came = env.now
        with servers.request() as turn:
            yield turn
            waited += int(env.now - came)
            yield env.timeout(length)

    def source() -> Generator[simpy.Event, Any, None]:
        for at, length in zip(arrival, service, strict=True):
            yield env.timeout(at - env.now)
            env.process(customer(length))

    env.process(source())
    env.run()
    return float(waited)


def in_ciw(arrival: Sequence[int], service: Sequence[int]) -> float:
    """A Ciw network of one node; it samples a service time when the service begins, which is in order of arrival."""
    import ciw

    between = [now - before for before, now in zip([0, *arrival], arrival, strict=False)]
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*between, float("inf")])],
        service_distributions=[ciw.dists.Sequential(list(service))],
        number_of_servers=[SERVERS],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(len(arrival), method="Finish")
    return float(sum(record.waiting_time for record in simulation.get_all_records()))


def in_salabim(arrival: Sequence[int], service: Sequence[int]) -> float:
    """Salabim components that request one of ten and hold it."""
    import salabim

    salabim.yieldless(False)
    env = salabim.Environment(trace=False, do_reset=False)
    servers = salabim.Resource("servers", capacity=SERVERS, monitor=False)
    waits: list[float] = []

    class Customer(salabim.Component):  # type: ignore[misc]
        def setup(self, length: int) -> None:
            self.length = length

        def process(self) -> Generator[Any, None, None]:
            came = env.now()
            yield self.request(servers)
            waits.append(env.now() - came)
            yield self.hold(self.length)

    class Source(salabim.Component):  # type: ignore[misc]
        def process(self) -> Generator[Any, None, None]:
            for at, length in zip(arrival, service, strict=True):
                yield self.hold(till=at)
                Customer(length=length)

    Source()
    env.run()
    return float(sum(waits))


def rivals() -> tuple[dict[str, Rival], list[str]]:
    """Those that are installed, and the names of those that are not."""
    known: dict[str, tuple[str, Rival]] = {
        "SimPy resources": ("simpy", simpy_resource),
        "Ciw": ("ciw", in_ciw),
        "salabim": ("salabim", in_salabim),
    }
    here = {name: rival for name, (module, rival) in known.items() if importlib.util.find_spec(module)}
    return here, [name for name in known if name not in here]
