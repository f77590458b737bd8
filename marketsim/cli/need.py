"""`marketsim need`: what a model takes to train and to serve, with each formula and where its figures come from."""

from __future__ import annotations

import json
import math
from typing import Any

import click

from marketsim.cli import console, options


class _Number(click.FloatRange):
    """A range of numbers that nan and inf are not in."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return found


@click.command("need")
@click.option("--parameters", type=_Number(1, 1e15), required=True, help="Parameters of the model, as 7e9.")
@click.option("--tokens", type=_Number(1, 1e18), help="Tokens of training data (transformers).")
@click.option("--forward-gflop", type=_Number(0, 1e9, min_open=True), help="GFLOP of one forward pass of a sample.")
@click.option("--samples", type=_Number(1, 1e15), help="Samples, with --forward-gflop.")
@click.option("--epochs", type=_Number(0, 1e6, min_open=True), default=1.0, show_default=True)
@click.option("--family", default="nlp", show_default=True, help="Workload family, whose GPU speeds apply.")
@click.option("--architecture", default="transformer", show_default=True)
@click.option("--gpu", default="H100", show_default=True)
@click.option("--gpus", type=click.IntRange(1, 100_000), default=8, show_default=True)
@click.option("--sigma", type=_Number(0, 1), default=0.0, show_default=True, help="Loss of efficiency a GPU more.")
@click.option("--utilization", type=_Number(0.001, 1), help="Share of the peak reached.")
@options.as_json
def command(as_json: bool, **asked: object) -> None:
    """Say what a model takes: FLOP, GPU-hours, memory."""
    from marketsim.demand.need_analysis import Question, need
    from marketsim.errors import Fault, InputError, nearest
    from marketsim.supply.gpus import FAMILIES, relative_speed

    family = str(asked["family"])
    if family not in FAMILIES:
        allowed, hint = ", ".join(FAMILIES), nearest(family, FAMILIES)
        raise InputError(Fault("no such family of work", got=family, allowed=allowed, hint=hint))

    def speed(gpu: str, reference: str, family: str) -> float | None:
        try:
            return relative_speed(gpu, reference, family)
        except InputError:  # a published run on a GPU that has no figures here
            return None

    lines = need(Question(**asked), speed)  # type: ignore[arg-type]
    if as_json:
        console.say(json.dumps([line._asdict() for line in lines], ensure_ascii=False))
        return
    for line in lines:
        console.say(f"{line.what}: {line.value}")
        console.say(f"    {line.formula} ({line.source})")
