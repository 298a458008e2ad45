"""The page as a reader meets it in a browser: nothing is fetched, everything answers to the keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from memops.profile.growth.filters import Filters
from memops.profile.study import study
from memops.units import format_size
from tests.corpus import read
from tests.report.page import (
    ALL,
    CRUMBS,
    FOUND,
    PICTURE,
    TITLE,
    complaints,
    focus,
    jvm,
    opened,
    place,
    plain,
    requests,
    said,
    search,
)
from tests.report.verdicts import VERDICT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.report.browser import Page


pytestmark = pytest.mark.usefixtures("_in_the_corpus")


@pytest.mark.parametrize("case", read.NAMES)
def test_a_report_opens_without_a_complaint_and_fetches_nothing(
    browser: Page, tmp_path: Path, case: str
) -> None:
    page = opened(browser, tmp_path, study(read.inputs(case)))

    assert complaints(page) == []
    assert requests(page) == [(tmp_path / "report.html").as_uri()]
    assert (
        page.value("Object.keys(window).filter((name) => /flame|uPlot|dom|tree|main/.test(name))")
        == []
    )


def test_it_says_first_what_grows_and_how_much(page: Page) -> None:
    facts = plain(page.text(".facts"))

    assert page.text("h1") == "jvm pid 3090 (java)"
    assert said(page, ".lead p").startswith("libz inflate called from Java_java_util_zip_Inflater")
    assert "Live 243.0 MiB ± 5.5 in 20 107 objects Growth +213.3 MiB ± 5.6 RSS 300.0 MiB" in facts
    assert "Trend of all leaks +1.8 GiB an hour Dumps 5 over 7 min 00 s" in facts
    assert said(page) == ALL


def test_it_says_which_stacks_are_shown_if_not_all_are(browser: Page, tmp_path: Path) -> None:
    filters = Filters(focus=re.compile("inflateInit2_"))
    page = opened(browser, tmp_path, study(read.inputs("jvm"), filters=filters))

    assert "only stacks with /inflateInit2_/" in said(page, ".scope")
    assert said(page).startswith("all: +37.0 MiB ± 2.3")


def test_findings_fold_their_evidence_and_give_a_command(page: Page) -> None:
    first = "document.querySelector('.finding')"
    page.call("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    page.value(f"{first}.querySelector('details').open = true")
    page.value(f"{first}.querySelector('.copy').click()")
    page.value("new Promise((done) => setTimeout(done, 100))")

    assert page.value("[...document.querySelectorAll('.badge')].map((each) => each.textContent)") == [
        "certain", "likely", "possible"]  # fmt: skip
    assert "evidence of </script><b>strangers</b>" in page.text(".finding details")
    assert page.value("navigator.clipboard.readText()") == VERDICT.findings[0].next
    assert page.text(".finding .copy") == "Copied"


def test_without_a_verdict_there_is_still_what_to_do_next(browser: Page, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, study(read.inputs("jvm")))

    assert page.text("#findings h2") == "What next"
    assert "Compiler.perfmap" in page.text("#findings .command")
    assert page.value("['rss', 'map'].map((id) => document.getElementById(id))") == [None, None]


def test_the_keys_lead_through_the_graph_and_every_step_is_said(page: Page) -> None:
    focus(page)
    steps = []
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowLeft", "ArrowUp"):
        page.press(key)
        steps.append(said(page).partition(":")[0])

    assert steps == [
        "java.util.zip.Inflater.inflateBytesBytes ([jit])",
        "java.util.zip.Inflater.init ([jit])",
        "Java_java_util_zip_Inflater_init (libzip.so)",
        "java.util.zip.Inflater.init ([jit])",
        "java.util.zip.Inflater.inflateBytesBytes ([jit])",
        "all",
    ]


def test_enter_zooms_and_escape_zooms_out(page: Page) -> None:
    focus(page)
    page.press("ArrowDown")
    page.press("ArrowRight")
    page.press("Enter")
    zoomed, crumbs = said(page), said(page, CRUMBS)
    page.press("ArrowDown")
    page.press("Escape")

    assert zoomed.startswith("java.util.zip.Inflater.init ([jit]): +37.7 MiB ± 2.3")
    assert crumbs == "all \u203a Inflater.init"
    assert said(page) == ALL
    assert said(page, CRUMBS) == "all"


def test_a_click_zooms_a_crumb_leads_back_and_the_pointer_is_told(page: Page) -> None:
    page.mouse(*place(page, 1, 0.9), click=False)
    tip = plain(page.value(TITLE))
    page.mouse(*place(page, 1, 0.9))
    zoomed = said(page)
    page.value("document.querySelector('.crumbs button').click()")
    page.mouse(5, 5, click=False)

    assert tip.startswith(
        "java.util.zip.Inflater.init [jit] +37.7 MiB ± 2.3 in 12 425 objects 17.7 %"
    )
    assert zoomed.startswith("java.util.zip.Inflater.init")
    assert said(page) == ALL
    assert page.value(TITLE) == ""


def test_a_frame_without_a_name_says_why(page: Page) -> None:
    page.mouse(*place(page, 4, 0.2), click=False)

    assert "libz.so.1.2.13+0xbdc6" in page.value(TITLE)
    assert "no name: libz.so.1.2.13 is stripped" in page.value(TITLE)


@pytest.mark.parametrize("query", ["inflate", "^inflateInit2_$", "LIBZIP", "unsigned (long|int),"])
def test_a_search_tells_the_share_of_what_it_found(page: Page, query: str) -> None:
    pattern = re.compile(query, re.IGNORECASE)
    stacks = jvm().analysis.stacks
    sizes = [abs(each.amount.bytes) for each in stacks
             if any(pattern.search(call.function) or pattern.search(call.module)
                    for call in each.calls)]  # fmt: skip
    share = 100 * sum(sizes) / sum(abs(each.amount.bytes) for each in stacks)
    before = page.value(PICTURE)
    found = search(page, query)
    lit = page.value(PICTURE)
    page.press("Escape")

    assert re.fullmatch(rf"{share:.1f} % in \d+ box(es)?", found)
    assert lit != before
    assert said(page, FOUND) == ""
    assert page.value(PICTURE) == before


def test_a_search_for_what_is_no_pattern_is_one_for_the_text(page: Page) -> None:
    assert search(page, "(unsigned long").endswith("(as plain text)")


def test_a_search_in_vain_says_so(page: Page) -> None:
    assert search(page, "no such function") == "no match"


def test_the_graph_turns_over_and_the_arrows_turn_with_it(page: Page) -> None:
    page.press("i")
    focus(page)
    page.press("ArrowUp")
    up = said(page).partition(":")[0]
    page.press("i")

    assert up == "java.util.zip.Inflater.inflateBytesBytes ([jit])"
    assert page.value("[...document.querySelectorAll('.bar button')].find((each) => "
                      "each.textContent === 'Root at bottom').ariaPressed") == "false"  # fmt: skip


def test_what_is_live_is_another_look_at_the_same_stacks(page: Page) -> None:
    page.press("g")
    live = said(page)
    page.press("g")

    assert live == "all: 243.0 MiB ± 5.5 in 20 107 objects, 100.0 %"
    assert said(page) == ALL


def test_stacks_can_begin_at_what_allocates(page: Page) -> None:
    page.press("b")
    focus(page)
    page.press("ArrowDown")

    assert said(page).startswith(
        "libz.so.1.2.13+0xbdc6 (libz.so.1.2.13): +175.0 MiB ± 5.0 in 5 573 objects"
    )


def test_a_line_is_told_where_it_is_known(browser: Page, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, study(read.inputs("inlines")))
    page.press("b")
    focus(page)
    page.press("ArrowDown")

    assert said(page).startswith(
        "acme::Shelf<acme::Page>::rent(unsigned long) (inlines inlines.cpp:21): +15.5 MiB"
    )
    assert said(page, "#functions tbody tr").endswith("rent(unsigned long) inlines")


def test_the_same_stacks_are_there_as_a_list(page: Page) -> None:
    page.value("document.querySelector('#flame details').open = true")

    assert said(page, "#flame li").startswith("+175.0 MiB ± 5.0 libz.so.1.2.13+0xbdc6 ← inflate ←")


def test_the_keys_are_listed_and_the_list_closes(page: Page) -> None:
    page.press("?")
    listed = page.value("document.querySelector('dialog').open")
    page.press("g")
    page.press("Escape")

    assert listed
    assert not page.value("document.querySelector('dialog').open")
    assert said(page) == ALL


def trend_of_the_whole() -> str:
    """How the legend says what the study found."""
    found = jvm().series
    assert found is not None
    ends = (found.whole.slope, found.whole.low, found.whole.high)
    slope, low, high = (format_size(3600 * each) for each in ends)
    return f"+{slope} ({low} … {high}) {found.whole.verdict}"


def test_the_chart_tells_the_values_at_a_moment_and_hides_what_is_unwanted(page: Page) -> None:
    page.value("document.querySelector('.chart').focus()")
    for _ in range(2):
        page.press("ArrowLeft")
    spoken = said(page, "#growth .said")
    before = page.value("document.querySelector('.chart canvas').toDataURL()")
    page.value("document.querySelector('.legend input').click()")
    after = page.value("document.querySelector('.chart canvas').toDataURL()")

    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d4:00: everything 1\d\d\.\d MiB ± \d", spoken)
    assert said(page, ".legend tbody tr").startswith("everything 1")
    assert trend_of_the_whole() in said(page, ".legend tbody tr")
    assert before != after


def test_the_parts_of_the_rss_add_up_on_the_page(page: Page) -> None:
    bars = page.value("""[...document.querySelectorAll('.waterfall .track i')].map((bar) => {
        const own = bar.getBoundingClientRect();
        const track = bar.parentElement.clientWidth - 22;
        return [own.left, own.width / track];
    })""")

    assert [width for _, width in bars] == pytest.approx([222 / 300, 60 / 300, 18 / 300], abs=0.01)
    assert bars[0][0] < bars[1][0] < bars[2][0]
    assert said(page, ".waterfall tfoot") == "RSS 300.0 MiB"


def test_the_map_shows_regions_by_rss_or_by_size(page: Page) -> None:
    count = "document.querySelectorAll('.map rect').length"
    resident, first = page.value(count), said(page, "#map tbody tr")
    page.value("[...document.querySelectorAll('#map .choice button')].pop().click()")

    assert (resident, page.value(count)) == (3, 4)
    assert first == "jemalloc 1 220.0 MiB 222.0 MiB"
    assert said(page, "#map tbody tr") == "Java heap 1 60.0 MiB 256.0 MiB"


def test_tables_sort_filter_and_unfold(page: Page) -> None:
    row = "#functions tbody tr"
    largest = said(page, row)
    page.value("document.querySelectorAll('#functions th button')[4].click()")
    by_name = said(page, row)
    page.value("(() => { const field = document.querySelector('#functions input'); "
               "field.value = 'inflate$'; field.dispatchEvent(new Event('input')); })()")  # fmt: skip
    page.value("document.querySelector('#stacks .unfold').click()")

    assert largest == "+175.0 MiB ± 5.0 82.0 % +175.0 MiB ± 5.0 5 573 libz.so.1.2.13+0xbdc6"
    assert by_name.endswith("_dl_catch_error libc.so.6")
    assert said(page, row).endswith("inflate libz.so.1.2.13")
    assert said(page, "#functions .result") == "1 of 60"
    assert "no name: libz.so.1.2.13 is stripped" in said(page, "#stacks .inside")
    assert said(page, "#stacks .inside li:nth-child(2)") == "inflate libz.so.1.2.13"


def test_it_says_where_it_comes_from(page: Page) -> None:
    told = said(page, "#provenance")

    assert "2026-09-21 14:13:20 UTC" in told
    assert "memops analyze jvm Copy" in told
    assert "first dump jvm/jvm.3090.0.i0.heap.gz 2 623 1970-01-01 00:00:00 UTC" in told


def test_another_process_can_be_picked(browser: Page, tmp_path: Path) -> None:
    page = opened(browser, tmp_path, jvm(), study(read.inputs("leak")))
    page.value("(() => { const list = document.querySelector('.top select'); "
               "list.value = '1'; list.dispatchEvent(new Event('change')); })()")  # fmt: skip
    page.value("new Promise((done) => setTimeout(done, 300))")
    page.press("g")

    assert page.text("h1") == "leak pid 2696 (leak)"
    assert said(page).startswith("all: 10.2 MiB ± 0.2")
    assert complaints(page) == []
