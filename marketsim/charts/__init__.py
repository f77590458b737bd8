"""Charts: each answers one question, its title is what the figures say; a plain dict by name, as reports show them."""

from marketsim.charts import (
    breakeven,
    cash_cone,
    changes,
    cost_misses,
    cost_stack,
    demand_capacity,
    differences,
    distribution,
    invoices,
    levers,
    load,
    misses,
    spot_market,
    story,
    tornado,
    week,
)
from marketsim.charts.chart import Chart

KINDS: dict[str, Chart] = {
    one.name: one
    for one in [
        cost_stack.CHART,
        cost_misses.CHART,
        differences.CHART,
        distribution.CHART,
        cash_cone.CHART,
        breakeven.CHART,
        tornado.CHART,
        changes.CHART,
        levers.CHART,
        load.CHART,
        demand_capacity.CHART,
        week.CHART,
        spot_market.CHART,
        misses.CHART,
        story.CHART,
        invoices.CHART,
    ]
}
