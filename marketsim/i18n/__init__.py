"""The words and numbers of every table, chart, report and page, in English and Chinese."""

from marketsim.i18n import en as en
from marketsim.i18n import zh as zh

KINDS: dict[str, dict[str, str]] = {"en": en.TEXTS, "zh": zh.TEXTS}
