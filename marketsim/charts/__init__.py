"""Charts: each answers one question, its title is what the figures say; in a plain dict by name."""

from marketsim.charts import cost_misses, cost_stack, demand_capacity
from marketsim.charts.chart import Chart

KINDS: dict[str, Chart] = {
    one.name: one
    for one in [
        cost_stack.CHART,
        cost_misses.CHART,
        demand_capacity.CHART,
    ]
}
