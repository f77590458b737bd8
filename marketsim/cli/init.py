"""`marketsim init`: a scenario of one's own to start from, shipped or out of one's own bill."""

from __future__ import annotations

import pathlib
import re

import click

from marketsim.cli import console, idle


@click.command("init")
@click.argument("file", type=click.Path(path_type=pathlib.Path), default="scenario.yaml", required=False)
@click.option("--like", "template", default="startup", metavar="NAME", help="The shipped scenario to start from.")
@click.option("--name", help="Name of the scenario; the file's name where not given.")
@click.option("--from-bill", "bills", multiple=True, type=click.Path(path_type=pathlib.Path), metavar="BILL",
              help="Write it out of a bill: FOCUS or AWS Cost and Usage Report; may be repeated.")  # fmt: skip
@click.option("--from-usage", "usage", type=click.Path(path_type=pathlib.Path), metavar="USAGE",
              help="Jobs that ran, with --from-bill: sacct, Kubernetes or any layout of import.")  # fmt: skip
def command(
    file: pathlib.Path, template: str, name: str | None, bills: tuple[pathlib.Path, ...], usage: pathlib.Path | None
) -> None:
    """Write a scenario to start from.

    It goes into FILE (scenario.yaml), which must not exist yet.
    """
    name = name if name is not None else file.stem
    if bills or usage is not None:
        idle.refuse("with --from-bill", "template")
        _from_bill(file, name, bills, usage)
    else:
        _from_shipped(file, name, template)


def _from_shipped(file: pathlib.Path, name: str, template: str) -> None:
    from marketsim import plain_yaml, scenario, shipped

    source = shipped.path(template)
    text = re.sub(
        r"^name: .*$",
        lambda _: plain_yaml.dump({"name": name}).strip(),
        source.read_text(encoding="utf-8"),
        count=1,
        flags=re.M,
    )
    scenario.loads(text, source.parent, str(file))
    _write_new(file, text)
    console.say(f"{file} written. Next: marketsim check {file} && marketsim run {file} -n 20")


def _from_bill(
    file: pathlib.Path, name: str, bills: tuple[pathlib.Path, ...], usage: pathlib.Path | None
) -> None:  # fmt: skip
    """The scenario with its data files beside it; nothing is written before all of it is known to be right."""
    import tempfile

    from marketsim import scenario
    from marketsim.billing.scenario_of import scenario_of
    from marketsim.billing.usage import name_of
    from marketsim.build import build
    from marketsim.cli.reading import bill_of, present
    from marketsim.errors import Fault, InputError
    from marketsim.importers.detect import read_jobs

    if not bills:
        raise InputError(Fault("needs --from-bill too: usage alone has no prices", key="--from-usage"))
    if usage is not None:
        present(usage)
    bill = bill_of(bills)
    made = scenario_of(bill, name, name_of(file.stem), read_jobs(usage).trace if usage is not None else None)
    beside = {file.parent / part: text for part, text in made.files.items()}
    for path in (file, *beside):
        if path.exists():
            raise InputError(Fault("is there already, and is left as it is", file=str(path)))
    with tempfile.TemporaryDirectory() as scratch:
        for part, text in made.files.items():
            (pathlib.Path(scratch) / part).write_text(text, encoding="utf-8")
        build(scenario.loads(made.text, scratch, str(file)))
    written: list[pathlib.Path] = []
    try:
        for path, text in {file: made.text, **beside}.items():
            _write_new(path, text)
            written.append(path)
    except InputError:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    for line in (*bill.summary(), *(note for note in made.notes if note not in bill.notes)):
        console.note(line)
    first = bills[0]
    console.say(f"{file} written, with {len(beside)} data files. Next: marketsim backtest {file} --bill {first}")


def _write_new(path: pathlib.Path, text: str) -> None:
    from marketsim.errors import Fault, InputError

    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise InputError(Fault("is there already, and is left as it is", file=str(path))) from None
    except FileNotFoundError:
        raise InputError(Fault("its folder does not exist", file=str(path))) from None
    except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
        raise InputError(Fault(f"cannot be written: {error.strerror}", file=str(path))) from None
