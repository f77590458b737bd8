"""What is built of the project: the source archive alone is enough to install, and what is installed runs anywhere."""

from __future__ import annotations

import email
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile

import pytest

import marketsim

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOP = {"marketsim", "scenarios", "analysis", "tests", ".ci", ".github", ".gitignore", "PKG-INFO", "pyproject.toml"}
TOP |= {"README.md", "README.zh-CN.md", "LICENSE", "CHANGELOG.md"}


def made(what: str, source: pathlib.Path, out: pathlib.Path) -> pathlib.Path:
    """The sdist or the wheel of a source tree, by the build backend that the project names."""
    pytest.importorskip("hatchling", reason="needs hatchling, the build backend")
    program = f"import hatchling.build, sys; print(hatchling.build.build_{what}(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(out)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return out / done.stdout.split()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The source archive."""
    return made("sdist", ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(sdist: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The wheel, built of the source archive and nothing else, as an installer does."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return made("wheel", source, tmp_path_factory.mktemp("wheel"))


def test_the_source_archive_holds_the_project_and_nothing_else(sdist: pathlib.Path) -> None:
    assert sdist.name == f"marketsim-{PROJECT['version']}.tar.gz"
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {name.split("/")[0] for name in names} == TOP
    scenarios = {f"scenarios/{path.name}" for path in (ROOT / "scenarios").iterdir()}
    assert {"LICENSE", "README.md", ".github/CONTRIBUTING.md", "tests/test_packages.py"} | scenarios <= names


def test_the_wheel_holds_every_file_that_the_package_reads(wheel: pathlib.Path) -> None:
    package = pathlib.Path(marketsim.__file__).parent
    wanted = {
        f"marketsim/{path.relative_to(package).as_posix()}"
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {"marketsim/report/templates/report.html", "marketsim/data/provider_catalog.csv"} <= wanted
    wanted |= {f"marketsim/scenarios/{path.name}" for path in (ROOT / "scenarios").iterdir()}
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    assert {name for name in held if not name.startswith(f"marketsim-{PROJECT['version']}.dist-info/")} == wanted


def test_the_wheel_says_what_it_is(wheel: pathlib.Path) -> None:
    info = f"marketsim-{PROJECT['version']}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        told = email.message_from_bytes(archive.read(f"{info}/METADATA"))
        licence = archive.read(f"{info}/licenses/LICENSE")
        entry = archive.read(f"{info}/entry_points.txt").decode()
    assert (told["Name"], told["Version"]) == ("marketsim", "0.1.0")
    assert told["Requires-Python"] == PROJECT["requires-python"]
    assert licence == (ROOT / "LICENSE").read_bytes()
    assert "marketsim = marketsim.cli.main:run_and_exit" in entry
    needed = {line.split(">=")[0].lower() for line in told.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert needed == {line.split(">=")[0].lower().replace(".", "-") for line in PROJECT["dependencies"]}


def pip() -> list[str]:
    """A command that is pip, of this interpreter or of another one; a skip where there is none."""
    for python in dict.fromkeys((sys.executable, shutil.which("python3") or sys.executable, "/usr/bin/python3")):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip"]
    pytest.skip("needs pip")


@pytest.mark.slow
@pytest.mark.parametrize("what", ["sdist", "wheel"])
def test_installed_alone_it_runs_from_an_empty_folder(
    what: str, request: pytest.FixtureRequest, tmp_path: pathlib.Path
) -> None:
    archive: pathlib.Path = request.getfixturevalue(what)
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env/bin/python"
    install = [*pip(), "-q", "--python", str(python), "install", str(archive)]
    done = subprocess.run(install, capture_output=True, text=True, check=False, cwd=tmp_path)
    if "No matching distribution found" in done.stderr and not os.environ.get("CI"):
        pytest.skip("needs a package index")
    assert done.returncode == 0, done.stderr
    empty = tmp_path / "empty"
    empty.mkdir()
    plain = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MARKETSIM_SHARED")}

    def said(*words: str) -> str:
        program = str(tmp_path / "env/bin/marketsim")
        told = subprocess.run([program, *words], cwd=empty, env=plain, capture_output=True, text=True, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout

    assert said("--version") == "marketsim 0.1.0\n"
    where = subprocess.run(
        [python, "-c", "import marketsim; print(marketsim.__file__)"],
        cwd=empty,
        env=plain,
        capture_output=True,
        text=True,
    )
    assert where.stdout.startswith(str(tmp_path / "env"))
    assert "results/startup/report.html" in said("run", "startup", "-n", "1", "-j", "1", "--policy", "mixed")
    assert (empty / "results/startup/figures/captions.json").is_file()
    assert "H100" in said("list", "gpus")
    if what == "sdist":  # a wheel built of it is what was installed, so once is enough
        assert "results/demo/report.html" in said("demo", "-n", "2")
