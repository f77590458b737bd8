"""`marketsim`: the entry point. Answers go to stdout, all else to stderr, and every way to end has its exit code.

0 done; 1 it ran, but a gate or a replication failed, or the answer could not be written; 2 anything supplied is wrong;
3 a missing optional package; 130 and 143 interrupted, with the command that goes on; 141 the reader of stdout left.
Commands are loaded when they are asked for, so `--help` imports no numpy.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import shlex
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from marketsim.cli import interrupts
from marketsim.errors import InputError, MarketsimError, nearest, printable

COMMANDS = {  # in the order in which they are met; the module holds a command of the same name
    "demo": "demo",
    "init": "init",
    "check": "check",
    "run": "run",
    "compare": "compare",
    "choose": "choose",
    "report": "report",
    "serve": "serve",
    "what-if": "what_if",
    "sweep": "sweep",
    "breakeven": "breakeven",
    "sensitivity": "sensitivity",
    "tune": "tune",
    "bound": "bound",
    "explain": "explain",
    "backtest": "backtest",
    "export": "export",
    "import": "importing",
    "fit": "fit",
    "need": "need",
    "calibrate": "calibrate",
    "check-policy": "check_policy",
    "list": "listing",
    "show": "show",
    "schema": "schema",
}


class Lazy(click.Group):
    """A group whose commands are imported when they are needed."""

    def list_commands(self, context: click.Context) -> list[str]:
        """In the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """The command of a name, None where there is none."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"marketsim.cli.{COMMANDS[name]}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name for one that is not known."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            hint = nearest(args[0], COMMANDS)
            raise click.UsageError(f"no command {args[0]!r}; known: {', '.join(COMMANDS)}{'. ' + hint if hint else ''}")
        return super().resolve_command(context, args)


def _version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"marketsim {version('marketsim')}")
        context.exit()


@click.group(
    cls=Lazy,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, callback=_version, expose_value=False, is_eager=True, help="Print the version."
)
@click.pass_context
def marketsim(context: click.Context) -> None:
    """Where should our compute come from, and under which rule do we allocate it?

    Start with `marketsim demo`, then `marketsim init` for a scenario of your own.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and give back its exit code; nothing is raised."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with marketsim.make_context("marketsim", list(words)) as context:  # main() would hide a closed pipe
            result = marketsim.invoke(context)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except InputError as error:
        say_errors(error.lines())
        return error.exit_code
    except MarketsimError as error:
        say_errors([str(error)])
        return error.exit_code
    except click.exceptions.Exit as end:
        return int(end.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "marketsim"
        message = " ".join(error.format_message().split())
        stop = "" if message.endswith(("?", ".")) else "."
        say_errors([f"{message[:1].lower()}{message[1:]}{stop} See `{where} --help`"])
        return 2
    except (KeyboardInterrupt, click.Abort):
        say_errors([f"interrupted; {_to_go_on(words)}"])
        return 130
    except interrupts.Terminated:
        say_errors([f"terminated; {_to_go_on(words)}"])
        return 143
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _reader_left()
        say_errors([_file_trouble(error)])
        _silence(sys.stdout)
        return 1
    except Exception as error:
        if os.environ.get("MARKETSIM_TRACEBACK"):
            raise
        say_errors([f"internal error, {type(error).__name__}: {error} (set MARKETSIM_TRACEBACK=1 to see where)"])
        return 1


def _to_go_on(words: list[str]) -> str:
    command = shlex.join(["marketsim", *words])
    if words[:1] != ["run"]:
        return f"to begin again: {command}"
    return f"what is done is kept; to go on: {command}{'' if '--resume' in words else ' --resume'}"


def _file_trouble(error: OSError) -> str:
    why = "no space left on the device" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
    return f"cannot write or read{f' {error.filename}' if error.filename else ''}: {why}"


def _reader_left() -> int:
    """The reader of a pipe has gone, as `head` does: no message, and no second one when Python closes stdout."""
    _silence(sys.stdout)
    return 141


def _silence(stream: Any) -> None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def say_errors(lines: Sequence[str]) -> None:
    """One `error: ` line each, on stderr."""
    for line in lines:
        click.echo(f"error: {printable(' '.join(line.split()))}", err=True)


def run_and_exit() -> NoReturn:
    """The console script."""
    interrupts.install()
    warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a picture shows a box for the letter
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        _silence(sys.stdout)
        code = code or 1
    sys.exit(code)
