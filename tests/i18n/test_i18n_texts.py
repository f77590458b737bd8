"""Both languages have the same keys and the same places, and numbers are written as their readers write them."""

from __future__ import annotations

import string

import pytest

from marketsim import i18n, scenario, shipped
from marketsim.errors import InputError
from marketsim.i18n import sources
from marketsim.i18n.locale import FORMATS, Locale, locale_of, said

CHINESE = Locale("zh", "CNY", 7.1, "2026-01-01", "test")


def places(template: str) -> list[tuple[str, str]]:
    return sorted((name, form or "") for _, name, form, _ in string.Formatter().parse(template) if name is not None)


def test_both_languages_have_the_same_keys_and_places():
    english, chinese = i18n.KINDS["en"], i18n.KINDS["zh"]
    assert list(english) == list(chinese)
    for key in english:
        assert places(english[key]) == places(chinese[key]), key


def test_every_place_has_a_format_that_exists():
    for table in i18n.KINDS.values():
        for key, template in table.items():
            assert all(form in ("", *FORMATS) for _, form in places(template)), key


def test_chinese_is_chinese():
    same = [key for key, text in i18n.KINDS["en"].items() if i18n.KINDS["zh"][key] == text and text[0] != "{"]
    assert same == []


@pytest.mark.parametrize(
    ("usd", "english", "chinese"),
    [
        (0, "$0", "¥0"),
        (950.4, "$950", "¥6,748"),
        (1_234.5, "$1.23K", "¥8,765"),
        (999_999, "$1.00M", "¥710万"),
        (12_345_678, "$12.3M", "¥8,765万"),
        (123_456_789, "$123M", "¥8.77亿"),
        (-2_500_000, "-$2.50M", "-¥1,775万"),
        (-0.3, "-$0.30", "-¥2.13"),
    ],
)
def test_sums_are_written_in_three_figures(usd, english, chinese):
    assert Locale().usd(usd) == english
    assert CHINESE.usd(usd) == chinese


def test_a_chance_is_never_nought_and_never_certain():
    assert Locale().chance(0.0) == "<0.1%"
    assert Locale().chance(1.0) == ">99.9%"
    assert Locale().chance(0.034) == "3.4%"


def test_shares_that_are_small_keep_a_figure():
    shares = (0.0, 0.000123, 0.0123, 0.6000000000000001, 0.99997, 1.0)
    assert [Locale().share(share) for share in shares] == ["0%", "0.012%", "1.2%", "60%", ">99.9%", "100%"]


def test_a_value_is_never_read_as_a_template():
    assert Locale().say(said("answer.only", policy="{x} {0}", what="cost", value="1")) == "{x} {0}: cost 1"


def test_a_language_that_is_not_known_is_told_with_those_that_are():
    with pytest.raises(InputError, match="allowed: en, zh"):
        locale_of("fr")


def test_the_font_has_every_character_of_the_translations():
    from importlib import resources

    from fontTools.ttLib import TTFont

    from marketsim.charts import fonts

    folder = resources.files("marketsim.charts.fonts")
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "OFL.txt").read_text(encoding="utf-8")
    with resources.as_file(folder / fonts.CHINESE) as path:
        known = set(TTFont(str(path)).getBestCmap())
    texts = "".join((*i18n.KINDS["zh"].values(), *sources.NOTES.values())) + "、；（）"
    missing = sorted({char for char in texts if ord(char) not in known and char.isprintable()})
    assert not missing, f"run marketsim/charts/fonts/subset.py: {''.join(missing)} missing"


@pytest.mark.parametrize("name", shipped.names())
def test_every_note_of_a_shipped_scenario_is_there_in_chinese_and_no_other(name):
    notes = scenario.load(shipped.path(name)).sources.values()
    assert [note for note in notes if note not in sources.NOTES] == []


def test_no_translated_note_is_of_no_scenario_and_all_are_chinese():
    shown = {note for name in shipped.names() for note in scenario.load(shipped.path(name)).sources.values()}
    assert set(sources.NOTES) == shown
    assert [
        note for note, text in sources.NOTES.items() if not any("\u4e00" <= char <= "\u9fff" for char in text)
    ] == []


def test_a_note_of_ones_own_keeps_its_words_and_its_months_and_assumptions_are_translated():
    own = "quote of our bank, March 2026; the spread is an assumption"
    assert CHINESE.note(own) == "quote of our bank, 2026 年 3 月；the spread 为假设"
    assert CHINESE.note("assumption, see our wiki") == "假设：see our wiki"
    assert [CHINESE.day(date) for date in ("March 2026", "2017", "2026-08-03", "")] == [
        "2026 年 3 月", "2017 年", "2026-08-03", "",
    ]  # fmt: skip
    assert Locale().note(own) == own
    estimate = "list (AWS); eu-west-1 is not listed with it, the median of 10 other prices is 1.116 times as high"
    assert CHINESE.note(estimate) == "list (AWS)；eu-west-1 没有列出该规格，其他 10 个价格的中位数是 1.116 倍"
