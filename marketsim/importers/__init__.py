"""Layouts that can be read, each one file and one line: job traces, requests, rates, prices."""

from __future__ import annotations

from marketsim.importers import (
    azure_llm,
    chronus,
    jobs,
    mooncake,
    openb,
    pai,
    philly,
    prices_aws,
    prices_gcp,
    prices_plain,
    prices_skypilot,
    servegen,
    slurm,
    swf,
)
from marketsim.importers.importer import Importer

KINDS: dict[str, Importer] = {
    "jobs": jobs.KIND,
    "slurm": slurm.KIND,
    "philly": philly.KIND,
    "pai": pai.KIND,
    "openb": openb.KIND,
    "chronus": chronus.KIND,
    "swf": swf.KIND,
    "azure_llm": azure_llm.KIND,
    "mooncake": mooncake.KIND,
    "servegen": servegen.KIND,
    "prices": prices_plain.KIND,
    "prices_aws": prices_aws.KIND,
    "prices_gcp": prices_gcp.KIND,
    "prices_skypilot": prices_skypilot.KIND,
}
