"""`marketsim list`: what a scenario may name, family by family, with presets; GPUs and prices that are packaged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from marketsim.cli import console, idle

CATALOGUE = ("provider", "gpu", "gpus_per_instance", "region", "ondemand_usd_gpu_hour", "spot_usd_gpu_hour",
             "commit1y_usd_gpu_hour", "commit3y_usd_gpu_hour", "price_date", "source")  # fmt: skip


@click.command("list")
@click.argument("family", required=False)
@click.argument("words", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json", "md"]),
    default="table",
    help="md: the reference of all settings as Markdown.",
)
def command(family: str | None, words: tuple[str, ...], as_json: bool, form: str) -> None:
    """List what a scenario may name, GPUs and prices.

    `marketsim show FAMILY.KIND` gives a kind's settings with units and defaults. `marketsim list gpus` gives the GPUs
    and devices; `marketsim list prices H100 AWS` the listed prices whose rows hold all these words.
    """
    from marketsim import families

    if form != "json" and idle.given("form"):
        idle.refuse(f"with --format {form}", "as_json")
    as_json = as_json or form == "json"
    if words and family not in ("gpus", "prices"):
        raise click.UsageError("words choose rows of `list gpus` and `list prices` only")
    if form == "md":
        from marketsim.cli import reference

        if words or family == "gpus":
            raise click.UsageError("--format md gives settings: name a family of kinds, or none for all")
        console.say(reference.markdown([family] if family else list(families.FAMILIES)))
        return
    if family == "gpus":
        _gpus(words, as_json)
        return
    if words:
        _prices(words, as_json)
        return
    wanted = [family] if family else list(families.FAMILIES)
    found = {one: {name: _told(kind) for name, kind in families.kinds(one).items()} for one in wanted}
    if as_json:
        console.say(json.dumps(found, ensure_ascii=False, indent=1))
        return
    for one, kinds in found.items():
        if kinds:
            console.table([one, "what it is"], [[name, text] for name, text in kinds.items()])
    if family == "prices":
        _providers()


def _told(kind: Any) -> str:
    """The sentence of a kind, and its presets: each belongs to one kind, and to no other of its family."""
    from marketsim import families

    presets = ", ".join(getattr(kind, "presets", None) or ())
    return families.sentence(kind) + (f" Presets: {presets}." if presets else "")


def _holding(rows: Sequence[Mapping[str, str]], words: Sequence[str]) -> list[Mapping[str, str]]:
    """Rows in which each word is found, whatever its case."""
    texts = [" ".join(row.values()).lower() for row in rows]
    return [row for row, text in zip(rows, texts, strict=True) if all(word.lower() in text for word in words)]


def _providers() -> None:
    """Whose prices are listed, of what, and when they were looked up."""
    from marketsim.data.tables import table
    from marketsim.prices.catalogue import CLOSED

    rows = table("provider_catalog")
    found = []
    for provider in dict.fromkeys(row["provider"] for row in rows):
        mine = [row for row in rows if row["provider"] == provider]
        gpus = ", ".join(dict.fromkeys(row["gpu"] for row in mine))
        found.append([provider, str(len(mine)), CLOSED.get(provider, gpus), max(row["price_date"] for row in mine)])
    console.table(["catalogue", "prices", "of", "newest"], found, numbers=(1,))
    console.say("`marketsim list prices WORD ...` gives the rows with these words: H100 AWS.")


def _prices(words: Sequence[str], as_json: bool) -> None:
    from marketsim.data.tables import table
    from marketsim.prices.catalogue import CLOSED

    rows = _holding(table("provider_catalog"), words)
    if as_json:
        console.say(json.dumps({"catalogue": rows}, ensure_ascii=False, indent=1))
        return
    if not rows:
        console.say(f"No listed price holds {' and '.join(words)}.")
        return
    heads = ["provider", "GPU", "GPUs", "region", "on demand", "spot", "1 y", "3 y", "date"]
    console.say("USD per GPU-hour; - is not listed, and never taken for 0")
    cells = [[row[name].removesuffix(".0") or "-" for name in CATALOGUE[:-1]] for row in rows]
    console.table(heads, cells, numbers=(2, 4, 5, 6, 7))
    for provider in dict.fromkeys(row["provider"] for row in rows if row["provider"] in CLOSED):
        console.say(f"{CLOSED[provider]}.")
    for source in dict.fromkeys(row["source"] for row in rows if row["source"]):
        console.sentence(f"Source: {source}")


def _gpus(words: Sequence[str], as_json: bool) -> None:
    from marketsim.data.gpus import DEVICES, SPECS
    from marketsim.supply import gpus

    rows = []
    for name in (*SPECS, *DEVICES):
        facts = gpus.facts(name)
        figures = {"memory_gb": "mem_gb", "peak_bf16_tflops": gpus.PEAK, "power_w": "tdp_w"}
        speeds = {one: _figure(gpus.relative_speed(name, gpus.ANCHOR, one)) for one in gpus.FAMILIES}
        rows.append({"gpu": name} | {key: _figure(facts.get(own)) for key, own in figures.items()} | speeds)
    rows = [dict(row) for row in _holding(rows, words)]
    if as_json:
        console.say(json.dumps({"gpus": rows}, ensure_ascii=False, indent=1))
        return
    heads = ["GPU or device", "GB", "bf16 TFLOPS", "W", *gpus.FAMILIES]
    console.table(heads, [list(row.values()) for row in rows], numbers=(1, 2, 3, 4, 5, 6, 7))
    console.say(f"Last four: speed by family of work, as multiples of the {gpus.ANCHOR}'s; - is not known.")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
