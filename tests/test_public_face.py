"""What a user imports: about a dozen names, each there, none loaded before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import marketsim

HEAVY = ("numpy", "pandas", "scipy", "matplotlib", "pydantic", "simpy", "ruamel.yaml")


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after some code."""
    program = f"import sys\n{code}\nsys.stderr.write(chr(10).join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split("\n"))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import marketsim") & set(HEAVY)


def test_help_loads_nothing_heavy() -> None:
    code = "import marketsim.cli.main as m\nassert m.main(['--help']) == 0"
    assert not loaded_by(code) & set(HEAVY)


@pytest.mark.parametrize("command", ["run", "check", "list", "demo"])
def test_the_help_of_a_command_loads_nothing_heavy(command: str) -> None:
    code = f"import marketsim.cli.main as m\nassert m.main(['{command}', '--help']) == 0"
    assert not loaded_by(code) & set(HEAVY)


def test_what_is_listed_is_there_and_what_is_there_is_listed() -> None:
    assert set(marketsim.__all__) == set(marketsim._FACE)
    for name in marketsim.__all__:
        assert getattr(marketsim, name) is not None
        assert name in dir(marketsim)


def test_no_name_of_the_face_is_hidden_by_a_module_of_the_package() -> None:
    # importing marketsim.NAME would set the attribute to the module, and the function would be gone
    import pkgutil

    modules = {module.name for module in pkgutil.iter_modules(marketsim.__path__)}
    assert not modules & set(marketsim.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'simulat'"):
        _ = marketsim.simulat
