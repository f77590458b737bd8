"""Each published compression result predicted from the others, by what the product does for a row that it lacks.

`python -m analysis.compression_rows`. Nothing is tuned: the rules are those of `marketsim.levers.catalogue`, and each
row is left out once. Printed: the row, the prediction, the error. Checked: that the stated standard errors cover the
truth about as often as they say, that the prediction beats "compression changes nothing", and the largest errors.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.common import Tally
from marketsim.levers import catalogue

COVERED = 1.645  # of a normal error, nine in ten lie within so many standard errors
KNOBS = ("width", "resolution", "bits")


def main() -> None:
    """Three tables and their checks."""
    tally = Tally()
    mobilenet(tally)
    perplexity(tally, "GGUF rows", [row for row in catalogue.perplexity_rows() if row.method == "kquant"])
    perplexity(
        tally,
        "GPTQ and AWQ rows",
        [row for row in catalogue.perplexity_rows() if row.method.startswith(("gptq", "awq"))],
    )
    throughput(tally)
    tally.end()


def mobilenet(tally: Tally) -> None:
    """32 rows of MobileNet v1: multiply-adds (its speed), megabytes, top-1."""
    rows = catalogue.mobilenet_rows()
    print("MobileNet v1: each of 32 rows from the other 31")
    print("width  pixels bits    MMACs  predicted  error     MB  predicted  error    top-1  predicted    se  error")
    relative: dict[str, list[float]] = {"mmacs": [], "mb": []}
    points, within = [], []
    for row in rows:
        others = [other for other in rows if other is not row]
        at = {knob: row[knob] for knob in KNOBS}
        macs, mb, top1 = (catalogue.mobilenet(at, what, others) for what in ("mmacs", "mb", "top1"))
        true_mb = row["mparams"] * row["bits"] / 8
        relative["mmacs"].append(macs.mean / row["mmacs"] - 1)
        relative["mb"].append(mb.mean / true_mb - 1)
        points.append(top1.mean - row["top1"])
        within.append(abs(points[-1]) <= COVERED * top1.se)
        print(
            f"{row['width']:5.2f} {row['resolution']:7.0f} {row['bits']:4.0f} {row['mmacs']:8.0f} {macs.mean:10.1f} "
            f"{relative['mmacs'][-1]:+6.1%} {true_mb:6.2f} {mb.mean:10.2f} {relative['mb'][-1]:+6.1%} "
            f"{row['top1']:8.1f} {top1.mean:10.1f} {top1.se:5.2f} {points[-1]:+6.2f}"
        )
    said = f"mean |error| {np.mean(np.abs(points)):.2f} points, largest {max(map(abs, points)):.2f}"
    print(f"top-1: {said}; within 90 % bounds: {np.mean(within):.0%}")
    print(f"MMACs: largest error {max(map(abs, relative['mmacs'])):.1%}; MB: {max(map(abs, relative['mb'])):.1%}\n")
    tally.check("MobileNet: 90 % bounds of top-1 hold 80 to 100 %", float(np.mean(within)) >= 0.8, said)
    tally.check("MobileNet: top-1 within 2 points", max(map(abs, points)) <= 2.0, said)
    tally.check("MobileNet: multiply-adds within 15 %", max(map(abs, relative["mmacs"])) <= 0.15)
    tally.check("MobileNet: megabytes within 1 %", max(map(abs, relative["mb"])) <= 0.01)
    unchanged = [catalogue.mobilenet({"width": 1.0, "resolution": 224.0, "bits": 32.0}, "top1").mean - row["top1"]
                 for row in rows]  # fmt: skip
    tally.check("MobileNet: better than no change", rms(points) < rms(unchanged))


def perplexity(tally: Tally, name: str, rows: Sequence[catalogue.PerplexityRow]) -> None:
    """Perplexity ratios: each row from all the others of the tables."""
    everything = catalogue.perplexity_rows()
    print(f"{name}: each of {len(rows)} rows from the others")
    print("model         format            bits   ratio  predicted      se   error  how")
    errors, logs, nothing, within = [], [], [], []
    for row in rows:
        others = [other for other in everything if other is not row]
        found = catalogue.perplexity(row.format, row.bits, row.method, row.model, others)
        errors.append(found.mean - row.ratio)
        logs.append(math.log(found.mean / row.ratio))
        nothing.append(math.log(1 / row.ratio))
        within.append(abs(errors[-1]) <= COVERED * found.se)
        how = found.source if found.source.startswith(("between", "line")) else f"mean of {found.n} models"
        print(
            f"{row.model:13} {row.format:15} {row.bits:6.2f} {row.ratio:7.4f} {found.mean:10.4f} {found.se:7.4f} "
            f"{errors[-1]:+7.4f}  {how}"
        )
    mild = [error for error, row in zip(errors, rows, strict=True) if row.bits >= 4.5]
    said = (
        f"within 90 % bounds: {np.mean(within):.0%}; rms of ln ratio {rms(logs):.3f}, of no change {rms(nothing):.3f}"
    )
    print(said)
    if mild:
        print(f"at 4.5 bits and more: largest error {max(map(abs, mild)):.4f}")
        tally.check(f"{name}: within 0.03 at 4.5 bits and more", max(map(abs, mild)) <= 0.03)
    print()
    tally.check(f"{name}: 90 % bounds hold 75 to 100 %", float(np.mean(within)) >= 0.75, said)
    tally.check(f"{name}: better than no change", rms(logs) < rms(nothing), said)
    tally.check(
        f"{name}: every prediction says that quality is lost",
        all(e + r.ratio > 1 for e, r in zip(errors, rows, strict=True)),
    )


def throughput(tally: Tally) -> None:
    """Llama-3.1-8B in GGUF formats: size, prefill and decode speed-up along the bits of the other rows."""
    rows = [row for row in catalogue.throughput_rows() if row["bits"] < 16]
    everything = catalogue.throughput_rows()
    print(f"GGUF speeds: each of {len(rows)} rows from the other {len(everything) - 1}")
    print("format    bits    GiB  predicted  error   prefill  predicted  error   decode  predicted  error")
    errors: dict[str, list[float]] = {"size_gib": [], "prefill": [], "decode": []}
    for row in rows:
        others = [other for other in everything if other is not row]
        cells = [f"{row['format']:8} {row['bits']:5.2f}"]
        for what, found in errors.items():
            predicted = catalogue.throughput(row["bits"], what, others)
            found.append(predicted / row[what] - 1)
            cells.append(f"{row[what]:6.3f} {predicted:10.3f} {found[-1]:+7.1%}")
        print("  ".join(cells))
    for what, limit in (("size_gib", 0.03), ("prefill", 0.12), ("decode", 0.15)):
        inner = max(map(abs, errors[what][:-1]))  # the last row lies beyond all others: a line extended, not between
        said = f"largest between rows {inner:.1%}, beyond the last {abs(errors[what][-1]):.1%}"
        print(f"{what}: mean |error| {np.mean(np.abs(errors[what])):.1%}, {said}")
        tally.check(f"GGUF speeds: {what} within {limit:.0%} between rows", inner <= limit, said)
    bytes_alone = [16 / row["bits"] / row["decode"] - 1 for row in rows]
    text = f"bytes alone would overstate decode by {np.mean(bytes_alone):.0%} on average"
    print(text + "\n")
    tally.check(
        "GGUF speeds: better than taking decode to follow the bytes", rms(errors["decode"]) < rms(bytes_alone), text
    )


def rms(errors: Sequence[float]) -> float:
    """Root of the mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


if __name__ == "__main__":
    main()
