"""Every bad or odd input of the list, given to the command line: one line each, the right exit code, nothing written.

    python -m analysis.bad_input [--only TEXT] [--fuzz MINUTES [--seed N]] [--verbose]

Each case runs in a process of its own, forked from one that has imported the program; what must not cost time or
memory (huge, endless and packed files), and what asks the shell, starts a new interpreter. Seconds are the processor's
(a process that has not ended after 60 s of the clock is killed and fails); memory is the peak of the case's process.
`--fuzz` instead changes scenarios and data files at random, for so many minutes, and prints whatever ends in a
traceback, in another exit code than 0 and 2, or in no end at all.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from html.parser import HTMLParser

from analysis import bad_input_cases as cases
from analysis.command_lines import PROGRAM, Ended, forked, fresh, started
from analysis.common import Tally

RUN = ("run", "scenario.yaml", "-n", "1", "-j", "1")
IN_A_FILE = re.compile(r"error: (scenario\.yaml|jobs\.csv|prices\.csv)(:\d+)?(:\d+)?: ")
WHOLE_FILE = {"top_level_not_mapping", "empty_file", "binary_file", "no_capacity_anywhere", "csv_header_only"}


def imported() -> None:
    """Import what a run imports, so that forked cases need not."""
    import scipy.optimize  # noqa: F401

    import marketsim.cli.check
    import marketsim.cli.run
    import marketsim.experiment.study
    import marketsim.feasibility  # noqa: F401
    from marketsim import scenario

    scenario.loads(cases.BASE.replace("  recorded:\n    kind: trace\n    file: jobs.csv\n", ""))


# ------------------------------------------------------------------------------------------------- what is refused


def refused(name: str, folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A change that must be told in one line, before anything is written."""
    mutate, words = cases.REFUSED[name]
    mutate(folder)
    before = cases.listing(folder.parent)
    ended = forked(RUN, folder)
    wrong = ended.wrong(words=words)
    if {k: v for k, v in cases.listing(folder.parent).items() if not k.endswith((".out", ".err"))} != before:
        wrong.append("wrote a file")
    line = IN_A_FILE.match(ended.errors[0]) if ended.errors else None
    if line is None or (line[2] is None and name not in WHOLE_FILE):
        wrong.append("does not name file and line")
    return wrong, ended


def warned(name: str, folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A change that runs, and is warned of in one line."""
    mutate, words = cases.WARNED[name]
    mutate(folder)
    ended = forked(["check", "scenario.yaml"], folder)
    wrong = ended.too_much() + [line for line in ended.errors if line]
    lines = [line for line in ended.err.splitlines() if line.startswith("warning: ")]
    if sum(all(word in line for word in words) for line in lines) != 1:
        wrong.append(f"not one warning with {', '.join(words)}")
    return wrong + ([] if ended.code == 0 else [f"exit code {ended.code}"]), ended


# ----------------------------------------------------------------------------------------------- what is taken as meant


def accepted(name: str, folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A change that runs whole, pictures and report too: the base's figures, and nothing that acts where it is read."""
    cases.ACCEPTED[name](folder)
    ended = forked([*RUN, "--out", "made"], folder)
    wrong = [what for what in ended.too_much() if "took" not in what]  # a whole run with its pictures
    if ended.err:
        wrong.append(f"says {ended.err[:200]!r}")
    if ended.code != 0:
        return [*wrong, f"exit code {ended.code}: {ended.err[:200]}"], ended
    made = folder / "made"
    forked(["report", "made", "--format", "xlsx"], folder)
    wrong += [f"{path.name}: a cell acts: {cell!r}" for path in made.rglob("*.csv") for cell in _acting(path)]
    wrong += _html((made / "report.html").read_text(encoding="utf-8"))
    if not list(made.glob("figures/*.png")):
        wrong.append("no picture")
    if name in ("bom_crlf", "unicode_name_ok") and _figures(folder) != _figures(_base(folder)):
        wrong.append("not the base's figures")
    return wrong, ended


def _base(folder: pathlib.Path) -> pathlib.Path:
    """The same folder with the base scenario, run once."""
    beside = folder.with_name("base")
    if not beside.exists():
        beside.mkdir()
        cases.lay(beside)
        forked([*RUN, "--out", "made", "--no-pictures"], beside)
    return beside


def _figures(folder: pathlib.Path) -> str:
    return (folder / "made" / "summary.csv").read_text(encoding="utf-8")


def _acting(path: pathlib.Path) -> list[str]:
    """Cells that a spreadsheet would take for a formula."""
    text = path.read_text(encoding="utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    return [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(cell)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class _Scripts(HTMLParser):
    """The text of every script of a page, and whether it states a policy of content."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts, self.inside, self.policy = [""], False, False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag == "script"
        self.scripts += [""] if self.inside else []
        self.policy |= tag == "meta" and dict(attrs).get("http-equiv", "") == "Content-Security-Policy"

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[-1] += data


def _html(page: str) -> list[str]:
    found = _Scripts()
    found.feed(page)
    wrong = [] if found.policy else ["the report states no Content-Security-Policy"]
    acting = [text for text in found.scripts if text.strip().startswith("alert(1)")]
    return wrong + (["a name runs as a script"] if acting else [])


# --------------------------------------------------------------------------------------------- files and command line


def _elsewhere(folder: pathlib.Path, *arguments: str, words: Sequence[str], code: int = 2) -> tuple[list[str], Ended]:
    """A command line in a new interpreter, refused with these words and nothing written."""
    before = _kept(folder)
    ended = fresh(started(*arguments), folder)
    wrong = ended.wrong(code, words)
    return wrong + (["wrote a file"] if _kept(folder) != before else []), ended


def _kept(folder: pathlib.Path) -> dict[str, tuple[int, int]]:
    """What lies in a folder, but for the empty lock file that is touched to see whether a run holds it."""
    return {name: facts for name, facts in cases.listing(folder).items() if not name.endswith("/.lock")}


def missing_file(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """No such file."""
    return _elsewhere(folder, "run", "no_such.yaml", words=["no_such.yaml"])


def directory_given(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A folder, where a file is wanted."""
    return _elsewhere(folder, "run", ".", words=["directory"])


def unreadable(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """No right to read; root gives its rights up first."""
    (folder / "scenario.yaml").chmod(0)
    command = started(*RUN)
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", *command]
    ended = fresh(command, folder)
    return ended.wrong(words=["permission"]), ended


def fifo_or_device(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """An endless device, and a pipe that nobody writes to."""
    os.mkfifo(folder / "pipe.yaml")
    wrong, ended = _elsewhere(folder, "run", "/dev/zero", words=["regular file"])
    return wrong + _elsewhere(folder, "run", "pipe.yaml", words=["regular file"])[0], ended


def huge_file(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """200 MB of good YAML."""
    line = b"    - {offer: contract, instances: 1, at: 0 d}\n"
    with (folder / "scenario.yaml").open("ab") as stream:
        for _ in range(200):
            stream.write(line * (1_000_000 // len(line) + 1))
    return _elsewhere(folder, *RUN, words=["size"])


def zip_bomb(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """Packed prices: ten million bytes that would be ten thousand million."""
    import gzip

    block = gzip.compress(bytes(100_000_000), 9)
    (folder / "prices.csv.gz").write_bytes(block * 100)  # members of one file follow each other
    cases.change("prices.csv", "prices.csv.gz")(folder)
    return _elsewhere(folder, *RUN, words=["prices.csv.gz", "size"])


def pickle_input(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A pickle, as the scenario and as its jobs."""
    import pickle

    (folder / "jobs.pkl").write_bytes(pickle.dumps({"job": 1}))
    wrong, ended = _elsewhere(folder, "run", "jobs.pkl", words=["pickle"])
    cases.change("file: jobs.csv", "file: jobs.pkl")(folder)
    return wrong + _elsewhere(folder, *RUN, words=["pickle"])[0], ended


def cli_unknown_flag(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """An option that is not known."""
    return _elsewhere(folder, "run", "scenario.yaml", "--replicatons", "5", words=["--replications"])


def cli_bad_value(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A word for a number."""
    return _elsewhere(folder, "run", "scenario.yaml", "--replications", "ten", words=["--replications"])


def cli_override_bad_path(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A setting that is not there."""
    return _elsewhere(folder, *RUN, "--set", "supply.cloud.gpuz=4", words=["gpuz"])


def output_exists(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A results folder of another run."""
    forked([*RUN, "--no-pictures", "--out", "results"], folder)
    return _elsewhere(folder, *RUN, "--out", "results", "--seed", "7", words=["results"])


def output_is_file(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A file, where the results folder should be."""
    (folder / "results").touch()
    return _elsewhere(folder, *RUN, words=["results"])


def output_disk_full(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A results folder on 96 kB: exit 1 and one line; with room again, the same bytes as without the accident."""
    (folder / "results").mkdir()
    plain = [*PROGRAM, *RUN, "--no-pictures", "--out"]
    script = (
        'mount -t tmpfs -o size=96k none results && "$@" results >said 2>&1; code=$?; cat said >&2; rm said;'
        ' mount -o remount,size=50m results && "$@" results >/dev/null 2>again || cat again >&2;'
        " rm -f again; cp -r results kept; exit $code"
    )
    ended = fresh(["unshare", "-rm", "sh", "-c", script, "sh", *plain], folder)
    wrong = [what for what in ended.wrong(1, ["space"]) if "took" not in what]
    forked([*RUN, "--no-pictures", "--out", "whole"], folder)
    names = sorted(path.name for path in (folder / "whole").glob("*.csv"))
    same = names and all(
        (folder / "kept" / name).exists()
        and (folder / "kept" / name).read_bytes() == (folder / "whole" / name).read_bytes()
        for name in names
    )
    return wrong + ([] if same else ["after resuming, not the same bytes"]), ended


def stdout_closed(folder: pathlib.Path) -> tuple[list[str], Ended]:
    """A reader that leaves after the first line."""
    script = '{ "$@"; echo $? >code; } | head -1'
    ended = fresh(["bash", "-c", script, "sh", *PROGRAM, *RUN, "--no-pictures", "--json"], folder)
    code = int((folder / "code").read_text())
    return ended.too_much() + ([] if code in (0, 141) else [f"exit code {code}"]), ended


ELSEWHERE: dict[str, Callable[[pathlib.Path], tuple[list[str], Ended]]] = {
    one.__name__: one
    for one in (
        missing_file, directory_given, unreadable, fifo_or_device, huge_file, zip_bomb, pickle_input, cli_unknown_flag,
        cli_bad_value, cli_override_bad_path, output_exists, output_is_file, output_disk_full, stdout_closed,
    )
}  # fmt: skip


def judged(name: str, folder: pathlib.Path) -> tuple[list[str], Ended]:
    """One case, in a folder with the base scenario and its data."""
    if name in ELSEWHERE:
        return ELSEWHERE[name](folder)
    table = next(
        rule for known, rule in ((cases.REFUSED, refused), (cases.WARNED, warned), (cases.ACCEPTED, accepted))
        if name in known
    )  # fmt: skip
    return table(name, folder)


def main(arguments: list[str]) -> None:
    """Check every case, or mutate for so many minutes."""
    parser = argparse.ArgumentParser(prog="python -m analysis.bad_input")
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose name holds it")
    parser.add_argument("--fuzz", type=float, metavar="MINUTES", help="mutate at random for so long instead")
    parser.add_argument("--seed", type=int, default=1, help="of the random changes")
    parser.add_argument("--verbose", action="store_true", help="print the line that each case was answered with")
    given = parser.parse_args(arguments)
    imported()
    if given.fuzz is not None:
        from analysis.bad_input_fuzz import fuzz

        fuzz(given.fuzz * 60, given.seed, given.only).end()
    tally = Tally()
    names = [*cases.REFUSED, *cases.WARNED, *cases.ACCEPTED, *ELSEWHERE]
    for name in [name for name in names if given.only in name]:
        with tempfile.TemporaryDirectory() as place:
            folder = pathlib.Path(place) / "case"
            folder.mkdir()
            cases.lay(folder)
            wrong, ended = judged(name, folder)
        print(f"{name:48} exit {ended.code}  {ended.seconds:5.2f} s  {ended.peak_mb:4.0f} MB")
        if given.verbose:
            print(f"    {(ended.err.splitlines() or [''])[0][:240]}")
        tally.check(name, not wrong, "; ".join(wrong))
    tally.end()


if __name__ == "__main__":
    main(sys.argv[1:])
