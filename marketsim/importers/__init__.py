"""Layouts that can be read, each one file and one line: job traces, requests, rates, prices, bills."""

from __future__ import annotations

from marketsim.importers import (
    aws_cur,
    azure_llm,
    chronus,
    focus,
    jobs,
    kubernetes,
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
    "kubernetes": kubernetes.KIND,
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
    "focus": focus.KIND,
    "aws_cur": aws_cur.KIND,
}
