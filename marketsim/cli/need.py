"""`marketsim need`: what a model takes to train and to serve, with each formula and where its figures come from."""

from __future__ import annotations

import json

import click

from marketsim.cli import console, options


@click.command("need")
@click.option("--parameters", type=click.FloatRange(1), required=True, help="Parameters of the model, as 7e9.")
@click.option("--tokens", type=click.FloatRange(1), help="Tokens of training data (transformers).")
@click.option("--forward-gflop", type=click.FloatRange(0, min_open=True), help="GFLOP of one forward pass of a sample.")
@click.option("--samples", type=click.FloatRange(1), help="Samples, with --forward-gflop.")
@click.option("--epochs", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--family", default="nlp", show_default=True, help="Workload family, whose GPU speeds apply.")
@click.option("--architecture", default="transformer", show_default=True)
@click.option("--gpu", default="H100", show_default=True)
@click.option("--gpus", type=click.IntRange(1, 100_000), default=8, show_default=True)
@click.option(
    "--sigma", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Loss of efficiency a GPU more."
)
@click.option("--utilization", type=click.FloatRange(0, 1, min_open=True), help="Share of the peak reached.")
@options.as_json
def command(as_json: bool, **asked: object) -> None:
    """Say what a model takes: FLOP, GPU-hours, memory."""
    from marketsim.demand.need_analysis import Question, need
    from marketsim.errors import InputError
    from marketsim.supply.gpus import relative_speed

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
