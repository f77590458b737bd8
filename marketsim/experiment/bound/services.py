"""Services in the bound: requests wanted in each slot, served by instance-hours or tokens, or lost at their value."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marketsim.demand.job import Service
from marketsim.engine import setup
from marketsim.experiment.bound.rates import Rates
from marketsim.experiment.bound.served import Served
from marketsim.experiment.bound.supply import Supply
from marketsim.units import HOUR_S, MILLI

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def add_services(supply: Supply, rates: Rates, served: Served | None) -> None:
    """A row for each service and slot, in hours of one request a second (3,600 requests)."""
    for number, service in enumerate(supply.world.services):
        wanted = supply.grid.total(service.requests_per_s, supply.world.horizon_s) / HOUR_S
        if served is None:
            if service.usd_per_lost_request > 0:
                rows = supply.program.add_rows(wanted, wanted, supply.grid.count)
                lost = supply.program.add_columns(supply.grid.count, service.usd_per_lost_request * HOUR_S, wanted)
                supply.program.put(rows, lost, 1.0)
                supply.serving[number] = [(None, lost, 1.0)]
                _add_capacity(supply, rates, number, service, rows)
        else:
            done = supply.program.add_columns(supply.grid.count, 0.0, wanted)
            rows = supply.program.add_rows(0.0, np.inf, supply.grid.count)
            supply.program.put(rows, done, -1.0)
            _add_capacity(supply, rates, number, service, rows)
            _add_spans(supply, served.requests[served.requests[:, 2] == number], done, wanted)


def _add_capacity(supply: Supply, rates: Rates, number: int, service: Service, rows: Ints) -> None:
    """What serves the requests of rows: replicas on instances, and tokens."""
    program, grid = supply.program, supply.grid
    serving = supply.serving.setdefault(number, [])
    for index, offer in enumerate(supply.world.offers):
        if rates.requests[number, index] > 0 and supply.can_run(index):
            columns, rate = supply.use(index), float(rates.requests[number, index])
            program.put(rows, columns, rate)
            serving.append((index, columns, rate))
        elif setup.may_serve_tokens(service, offer):
            usd = (service.input_tokens or 0.0) * (offer.usd_per_input_token or 0.0)
            usd += (service.output_tokens or 0.0) * (offer.usd_per_output_token or 0.0)
            limit = np.inf if offer.requests_per_s_at_most is None else offer.requests_per_s_at_most * grid.hours
            each = np.full(grid.count, usd * HOUR_S)
            columns = program.add_columns(grid.count, each, limit)
            program.put(rows, columns, 1.0)
            serving.append((index, columns, 1.0))
            supply.pay(offer.provider, columns, each)


def _add_spans(supply: Supply, spans: Ints, done: Ints, wanted: Floats) -> None:
    """In the slots that touch a span at least as much is served as was; half a thousandth of a request is rounding."""
    program, grid = supply.program, supply.grid
    if not len(spans):
        return
    first, last = grid.slot_of(spans[:, 0]), grid.last_slot_before(spans[:, 1])
    total = np.concatenate(([0.0], np.cumsum(wanted)))
    least = np.minimum((spans[:, 3] - 0.5) / MILLI / HOUR_S, total[last + 1] - total[first])
    rows = program.add_rows(least, np.inf, len(spans))
    lengths = last - first + 1
    owner = np.repeat(np.arange(len(spans)), lengths)
    slot = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths) + first[owner]
    program.put(rows[owner], done[slot], 1.0)
