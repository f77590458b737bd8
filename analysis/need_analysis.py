"""GPU-hours of published training runs, each predicted with the utilization of the others (leave one out), no tuning.

    python -m analysis.need_analysis

FLOPs from parameters, tokens, samples and epochs (marketsim/data/training_work.csv); GPUs differ by MLPerf or matrix
product ratios, precisions by ResNet-50's measured ones; utilization is the geometric mean of the other runs of the same
architecture. Runs whose FLOPs are not published are listed with the reason.
"""

from __future__ import annotations

import statistics

from analysis.common import Tally
from marketsim.demand import need_analysis
from marketsim.errors import InputError
from marketsim.supply.gpus import relative_speed


def speed(gpu: str, reference: str, family: str) -> float | None:
    """The ratio of two GPUs, None for a GPU without figures."""
    try:
        return relative_speed(gpu, reference, family)
    except InputError:
        return None


def main() -> None:
    runs, others = need_analysis.published_runs(speed)
    tally = Tally()
    print(
        f"{'model':32} {'GPUs':>14} {'published':>12} {'predicted':>12} {'error':>8} {'utilization':>12} {'others':>7}"
    )
    found = need_analysis.leave_one_out(runs)
    for one in found:
        run = one.run
        where = f"{run.gpus if run.gpus > 1 else ''} {run.hardware}".strip()
        print(f"{run.model:32} {where:>14} {run.gpu_hours:12,.1f} {one.predicted_gpu_hours:12,.1f} {one.error:8.0%} "
              f"{run.utilization:12.3f} {one.utilization:7.3f}")  # fmt: skip
    for label, why in others:
        print(f"not predicted: {label}: {why}")
    sizes = [abs(one.error) for one in found]
    factors = [max(1 + one.error, 1 / (1 + one.error)) for one in found]
    print(f"\nmedian absolute error {statistics.median(sizes):.0%}, median factor {statistics.median(factors):.2f}, "
          f"largest factor {max(factors):.2f}, {len(found)} runs of {len(found) + len(others)}")  # fmt: skip
    tally.check("every run with known FLOPs is predicted from at least one other", len(found) == len(runs) > 10)
    for one in found:
        back = one.run.predicted(one.run.utilization)
        tally.close(f"{one.run.model}: its own utilization gives its own GPU-hours", back, one.run.gpu_hours, 1e-9)
    tally.check("the median run is predicted within a factor of two", statistics.median(factors) < 2)
    tally.end()


if __name__ == "__main__":
    main()
