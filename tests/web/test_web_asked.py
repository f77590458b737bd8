"""What an address may ask is on a list; all else is refused with one line."""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import parse_qsl

import pytest

from marketsim import scenario, shipped
from marketsim.errors import InputError
from marketsim.report import knobs
from marketsim.web import asked


@pytest.fixture(scope="module")
def startup():
    return scenario.load(shipped.path("startup"))


@pytest.fixture
def ask(startup):
    def read(query: str, most: int = asked.MOST_QUICK) -> asked.Asked:
        return asked.read(parse_qsl(query, keep_blank_values=True), OrderedDict(startup=1), lambda _: startup, most)

    return read


def test_about_a_dozen_sliders_stand_where_the_scenario_does(startup):
    found = knobs.sliders(startup)
    assert 8 <= len(found) <= knobs.MOST_SLIDERS
    for one in found:
        assert 0 <= one.base < len(one.values)
        assert list(one.values) == sorted(set(one.values))
        assert startup.changed(one.edits(len(one.values) - 1)) != startup
        assert startup.changed(one.edits(0))


def test_a_price_of_the_catalogue_can_be_moved(startup):
    slider = next(one for one in knobs.sliders(startup) if one.path == "supply.aws-p5.usd_per_gpu_hour")
    found = startup.changed({slider.path: slider.value(0)})
    assert found.supply["aws-p5"].price_setting().kind == "constant"


def test_a_question_goes_round_through_its_address(ask):
    question = ask("scenario=startup&policy=build&set.supply.own.usd_per_kwh=2&n=3&lang=zh")
    assert question.policies == ("build",)
    assert question.moved == {"supply.own.usd_per_kwh": 2}
    assert ask(question.query()) == question


def test_where_no_policy_is_chosen_the_first_few_are_shown_and_all_may_be(ask, startup):
    names = list(startup.policies)
    assert list(ask("scenario=startup").policies) == names[: asked.MOST_FIRST]
    assert list(ask("&".join(f"policy={name}" for name in names)).policies) == names


def test_a_slider_where_it_stands_is_not_moved(ask, startup):
    slider = knobs.sliders(startup)[0]
    assert ask(f"set.{slider.path}={slider.base}").moved == {}


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("scenario=../../etc/passwd", "no scenario has this name"),
        ("scenario=startup&policy=no-such", "no policy has this name"),
        ("n=1000000000", "allowed: 1 to 5"),
        ("n=0", "allowed: 1 to 5"),
        ("n=1e3", "a whole number"),
        ("set.supply.own.usd_per_kwh=99", "allowed: 0 to"),
        ("set.supply.own.kind=1", "no slider moves this setting"),
        ("set.experiment.replications=1", "no slider moves this setting"),
        ("file=/etc/passwd", "no such part of a question"),
        ("lang=fr", "no such language"),
    ],
)
def test_what_is_not_on_the_list_is_refused(ask, query, what):
    with pytest.raises(InputError, match=what):
        ask(query)


def test_a_run_that_was_asked_for_may_be_longer_but_not_endless(ask):
    assert ask("n=2000", asked.MOST_RUN).n == 2000
    with pytest.raises(InputError, match="allowed: 1 to 2,000"):
        ask("n=1000000000", asked.MOST_RUN)


def test_an_uploaded_scenario_names_no_files():
    asked.safe_upload({"demand": {"a": {"kind": "training"}}})
    with pytest.raises(InputError, match=r"demand\.a\.file"):
        asked.safe_upload({"demand": {"a": {"kind": "trace", "file": "jobs.csv"}}})
    with pytest.raises(InputError, match="may not name files"):
        asked.safe_upload({"supply": [{"x": {"book": "/etc/passwd"}}]})
