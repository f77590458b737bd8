"""Report and page in a real browser: no request leaves the machine, sliders work by keyboard, 390 pixels are enough."""

from __future__ import annotations

import handmade
import office
import pytest

from marketsim import charts

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SERIOUS = ("serious", "critical")
PATIENCE_MS = 120_000  # a loaded machine is slow, not broken; every wait ends as soon as its condition holds


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as found:
        made = found.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    from marketsim.report import html

    path = tmp_path_factory.mktemp("report") / "report.html"
    return html.write(handmade.results(name=handmade.HORRID), path, more=handmade.tables_once(), grid=handmade.grid())


@pytest.fixture
def sheet(browser):
    """A fresh page that notes what it asked for and what it complained of."""
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.asked, page.complaints = [], []
    page.on("request", lambda one: page.asked.append(one.url))
    page.on("console", lambda one: page.complaints.append(one.text) if one.type in ("error", "warning") else None)
    page.on("pageerror", lambda one: page.complaints.append(str(one)))
    page.on("dialog", lambda one: (page.complaints.append("a dialog opened"), one.dismiss()))
    yield page
    page.close()


def faults_of(page) -> list[str]:
    """What axe-core finds that keeps people out."""
    from axe_core_python.sync_playwright import Axe

    # a picture speaks by its role and label; its strokes are no content, and the checker is slow on thousands of them
    page.evaluate("document.querySelectorAll('svg > g, svg > defs').forEach(strokes => strokes.remove())")
    found = Axe().run(page)["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:120]}" for one in found if one["impact"] in SERIOUS]


@pytest.fixture
def phone(browser):
    """A window of 390 by 844 pixels, touched and not clicked."""
    page = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True).new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    page.close()


def fits(page) -> bool:
    """Whether nothing but what scrolls by itself is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_report_asks_for_nothing_and_complains_of_nothing(sheet, report):
    sheet.goto(report.as_uri())
    assert sheet.asked == [report.as_uri()]
    assert sheet.complaints == []
    assert sheet.locator("h1").inner_text() == handmade.HORRID
    assert sheet.locator("figure.chart svg:visible").count() == len(charts.KINDS)


def test_the_reports_sliders_work_by_keyboard(sheet, report):
    sheet.goto(report.as_uri())
    answer, slider = sheet.locator("#whatif-answer"), sheet.locator("#axis-0")
    before = answer.inner_text()
    slider.focus()
    sheet.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "4"
    assert sheet.locator("output[for=axis-0]").inner_text() == "4"
    assert answer.inner_text().startswith("build")
    assert answer.inner_text() != before
    first = sheet.locator("#whatif-table tbody tr").first
    assert first.get_attribute("class") == "best"
    assert first.locator("th").inner_text() == "build"
    sheet.keyboard.press("Tab")
    sheet.keyboard.press("Tab")
    sheet.keyboard.press("Enter")
    sheet.wait_for_function("() => document.getElementById('axis-0').value === '1'")
    assert answer.inner_text() == before


def test_the_report_can_be_read_on_a_phone_and_by_everyone(sheet, phone, report):
    sheet.goto(report.as_uri())
    assert faults_of(sheet) == []
    phone.goto(report.as_uri())
    assert fits(phone)
    assert phone.locator(".square svg:visible").count() == len(charts.KINDS)
    assert phone.locator(".wide svg:visible").count() == 0
    assert faults_of(phone) == []
    phone.locator("#axis-0").focus()
    phone.keyboard.press("ArrowRight")
    assert phone.locator("#whatif-answer").inner_text().startswith("build")


def test_the_checker_of_accessibility_finds_what_is_wrong(sheet):
    sheet.set_content("<html><body><img src='data:,'><p style='color:#aaa'>pale</p></body></html>")
    assert {one.split(":")[0] for one in faults_of(sheet)} >= {"image-alt", "color-contrast", "html-has-lang"}


def test_the_report_prints(browser, report):
    page = browser.new_page()
    page.goto(report.as_uri())
    assert page.pdf(format="A4").startswith(b"%PDF-")
    page.close()


def enter(page, served) -> None:
    page.goto(f"http://{served.host}/?token={served.token}&scenario=tiny&n=2")
    page.wait_for_selector(".answer", timeout=PATIENCE_MS)


def test_the_page_asks_this_machine_alone(sheet, served):
    enter(sheet, served)
    page = browser_page_requests(sheet, served)
    assert all(url.startswith((f"http://{served.host}/", "data:")) for url in sheet.asked)
    assert len(page) <= 2
    assert sheet.complaints == []


def browser_page_requests(sheet, served) -> list[str]:
    """What the page needs beyond itself, once its figures are known."""
    sheet.asked.clear()
    sheet.goto(f"http://{served.host}/?scenario=tiny&n=2")
    sheet.wait_for_load_state("networkidle")
    return [url for url in sheet.asked[1:] if not url.startswith("data:")]


def test_a_what_if_goes_round(sheet, served):
    enter(sheet, served)
    cell = sheet.locator("tbody tr.best td").first
    before = cell.inner_text()
    slider = sheet.locator("input[type=range][name='set.supply.cloud.usd_per_gpu_hour']")
    slider.focus()
    for _ in range(3):
        sheet.keyboard.press("ArrowRight")
    changed(sheet, before)
    moved = cell.inner_text()
    assert "set.supply.cloud.usd_per_gpu_hour=" in sheet.url
    sheet.reload()  # the address holds the question
    changed(sheet, before)
    assert cell.inner_text() == moved
    for _ in range(3):
        slider.press("ArrowLeft")
    changed(sheet, moved)
    assert cell.inner_text() == before
    assert sheet.complaints == []


def changed(page, before: str) -> None:
    """Wait until the best policy's first figure is another, and no run is under way."""
    page.wait_for_function(
        "before => { const cell = document.querySelector('tbody tr.best td'); "
        "return cell && cell.innerText !== before && !document.getElementById('progress'); }",
        arg=before,
    )


def test_a_run_shows_its_progress_and_ends(sheet, served):
    enter(sheet, served)
    sheet.fill(".run input[name=n]", "40")
    sheet.click(".run button")
    sheet.locator("caption", has_text="40 replications").wait_for()
    assert sheet.locator("figure.chart").count() >= 4
    assert sheet.complaints == []


def test_the_page_works_without_script(browser, served):
    """The page asks for itself again, by its own head, until its figures are there; nothing here reloads it."""
    page = browser.new_context(java_script_enabled=False).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"http://{served.host}/?token={served.token}&scenario=tiny")
    page.locator(".answer").wait_for()
    page.uncheck("input[name=policy][value=on-demand]")
    page.click("#question button[type=submit]")
    page.locator(".answer").wait_for()
    assert page.locator("tbody tr").count() == 1
    assert "policy=cheapest" in page.url
    page.click(".run button")
    page.locator("caption", has_text="Means of 50 replications").wait_for()
    page.close()


def test_the_page_is_usable_at_390_pixels_and_by_everyone(sheet, phone, served):
    enter(sheet, served)
    assert faults_of(sheet) == []
    enter(phone, served)
    assert fits(phone)
    assert faults_of(phone) == []
    before = phone.locator("tbody tr.best td").first.inner_text()
    phone.locator("input[type=range][name='set.supply.cloud.usd_per_gpu_hour']").press("ArrowRight")
    changed(phone, before)
    assert fits(phone)
    small = "e => [...e].filter(b => b.getBoundingClientRect().height < 24).map(b => b.outerHTML)"  # WCAG 2.2, 2.5.8
    assert phone.eval_on_selector_all("button, select, a.button, input[type=range]", small) == []


def test_a_downloaded_deck_opens_and_can_be_drawn(sheet, served, tmp_path):
    enter(sheet, served)
    with sheet.expect_download() as told:
        sheet.click(".downloads button[value=deck]")
    path = tmp_path / told.value.suggested_filename
    told.value.save_as(path)
    from pptx import Presentation

    slides = Presentation(str(path)).slides
    drawn = office.pictures(path, tmp_path)
    assert 9 <= len(slides) == len(drawn) <= 15
    for one in drawn:
        office.check_slide(one)
