"""`marketsim calibrate`: what compression and federated averaging do to a small network, measured here."""

from __future__ import annotations

import pathlib

import click

from marketsim.cli import console, idle


@click.command("calibrate")
@click.option("--out", type=click.Path(path_type=pathlib.Path), default="calibration", show_default=True)
@click.option("--quick", is_flag=True, help="Small digits, two seeds: about a minute.")
@click.option("--seeds", type=click.IntRange(2, 100), help="Trainings of each; more narrow the intervals.")
@click.option("--data", type=click.Path(path_type=pathlib.Path), help="A file of all of MNIST.")
def command(out: pathlib.Path, quick: bool, seeds: int | None, data: pathlib.Path | None) -> None:
    """Measure compression and federated learning.

    Quantization, pruning and averaging on digits, as curves that levers read.
    """
    from marketsim.levers.calibrate.run import calibrate

    if quick:
        idle.refuse("with --quick, which takes small digits that come with scikit-learn", "data")
    frames = calibrate(out, quick=quick, seeds=seeds, data_path=data)
    for name, frame in frames.items():
        console.say(f"{name}: {len(frame)} rows")
    console.say(str(out))
