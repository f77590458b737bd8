"""`marketsim init`: a scenario of one's own to start from."""

from __future__ import annotations

import pathlib
import re

import click

from marketsim.cli import console


@click.command("init")
@click.argument("file", type=click.Path(path_type=pathlib.Path), default="scenario.yaml", required=False)
@click.option("--like", "template", default="startup", metavar="NAME", help="The shipped scenario to start from.")
@click.option("--name", help="Name of the scenario; the file's name where not given.")
def command(file: pathlib.Path, template: str, name: str | None) -> None:
    """Write a scenario to start from.

    It goes into FILE (scenario.yaml), which must not exist yet.
    """
    from marketsim import plain_yaml, scenario, shipped
    from marketsim.errors import Fault, InputError

    source = shipped.path(template)
    name = name if name is not None else file.stem
    text = re.sub(
        r"^name: .*$",
        lambda _: plain_yaml.dump({"name": name}).strip(),
        source.read_text(encoding="utf-8"),
        count=1,
        flags=re.M,
    )
    scenario.loads(text, source.parent, str(file))
    try:
        with file.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise InputError(Fault("is there already, and is left as it is", file=str(file))) from None
    except FileNotFoundError:
        raise InputError(Fault("its folder does not exist", file=str(file))) from None
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(Fault(f"cannot be written: {error.strerror}", file=str(file))) from None
    console.say(f"{file} written. Next: marketsim check {file} && marketsim run {file} -n 20")
