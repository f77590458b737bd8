"""An option that would change nothing is refused and not passed over: whoever gives it expects something of it."""

from __future__ import annotations

import click
from click.core import ParameterSource


def given(name: str) -> bool:
    """Whether a parameter of the running command was written on its command line."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def refuse_workers(cluster: str | None) -> None:
    """Refuse a number of workers beside the address of a cluster, which has its own."""
    if cluster not in (None, "local"):
        refuse("on a cluster that has its own", "workers")


def refuse(when: str, *names: str) -> None:
    """A usage error that names those of the parameters that were written; `when` says why they have no effect.

    names: parameters of the running command as its function calls them. when: follows "no effect", as "without --over".
    """
    context = click.get_current_context()
    found = [
        max(one.opts, key=len) if isinstance(one, click.Option) else one.human_readable_name
        for one in context.command.params
        if one.name in names and given(str(one.name))
    ]
    if found:
        raise click.UsageError(f"{', '.join(found)}: no effect {when}", context)
