"""The web page in a real Chromium: what a reader sees, without a reload, without a mouse and on a phone."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from playwright.async_api import Browser, Page, ViewportSize, async_playwright, expect

from deltawire.events import Change
from deltawire.poller_state import FetchState, LookSummary
from deltawire.store.port import Alert
from gateway.rig import Desk, desk
from support.ports import free_port
from support.samples import POLL, START, entry_event

pytestmark = pytest.mark.asyncio(loop_scope="module")

ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 360, "height": 740}
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)
EDIT = (Change(field="content_text", diff=(("=", "At least "), ("-", "four"), ("+", "six"), ("=", " were hurt"))),)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sentence = "the tests of the page need Chromium, and there is none on the PATH: make test installs it"
        pytest.fail(sentence)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield launched
        await launched.close()


@pytest_asyncio.fixture(loop_scope="module")
async def rig(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as made:
        await made.serve()
        await made.want("harbour", FetchState(generation="g", state="ok", last_change_at=datetime.now(UTC)))
        yield made


@asynccontextmanager
async def opened(
    browser: Browser, rig: Desk, *, viewport: ViewportSize = DESKTOP, wrong_but: str = "(none)"
) -> AsyncIterator[Page]:
    """The page, live. At the end nothing may have gone wrong in it: no error, no violation of its policy.

    ``wrong_but`` is part of the message that the browser itself writes where a test makes requests fail.
    """
    context = await browser.new_context(viewport=viewport, timezone_id="Europe/Berlin", locale="en-GB")
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    try:
        await page.goto(rig.url)
        await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        yield page
        assert [message for message in wrong if wrong_but not in message] == []
    finally:
        await context.close()


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


async def test_the_page_fills_from_the_store(browser: Browser, rig: Desk) -> None:
    look = LookSummary(at=START, poll_id=POLL, outcome="failed", duration_s=1, status=503, detail="it answered 503")
    failing = FetchState(generation="g", state="failing", attempts=3, failing_since=START, looks=(look,))
    await rig.want("storm", failing)
    await rig.want("cup", FetchState(generation="g", state="ended"))
    await rig.publish(
        entry_event("created", 1, "e1", text="First paragraph\nSecond paragraph", published_at=at(0)),
        entry_event("created", 2, "e2", title="Ferries diverted", published_at=at(5), labels=("key-event",)),
        entry_event("removed", 3, "e1", revision=2, text="First paragraph\nSecond paragraph", published_at=at(0)),
    )
    alert = Alert(
        id="a", rule_id="ferries", feed_id="harbour", entry_id="e2", revision=1, event_id="harbour/a/2",
        poll_id=POLL, raised_at=at(6), payload={},
    )  # fmt: skip
    alerts = [(replace(alert, id=f"a{n}"), ["log"]) for n in range(31)]
    await rig.store.raise_alerts(0, None, 3, [*alerts[:29], (alert, [])])
    async with opened(browser, rig) as page:
        articles = page.locator("#entries article")
        await expect(articles).to_have_count(2)
        await expect(articles.nth(0)).to_contain_text("Ferries diverted")
        await expect(articles.nth(0)).to_contain_text("key event")
        time = articles.nth(0).locator(".when time")
        await expect(time).to_have_text("10:05")
        await expect(time).to_have_attribute("title", "2025-11-25 09:05:00 UTC")
        await expect(articles.nth(1).locator(".badge")).to_contain_text("withdrawn")
        await expect(articles.nth(1).locator(".body p")).to_have_count(2)
        feeds = page.locator("#feeds li")
        await expect(feeds.filter(has_text="Harbour fire")).to_contain_text("live · changed just now")
        await expect(feeds.filter(has_text="storm")).to_contain_text("failing since")
        await expect(feeds.filter(has_text="storm")).to_contain_text("it answered 503")
        await expect(feeds.filter(has_text="cup")).to_contain_text("ended")
        await expect(page.locator("#alerts")).to_contain_text("Ferries diverted")
        await expect(page.locator("#alerts")).to_contain_text("ferries")
        await expect(page.locator("#alerts li").first).to_contain_text("sent nowhere")
        await expect(page.locator("#alerts-note")).to_have_text("30")
        await rig.store.raise_alerts(0, 3, 4, alerts)
        await page.reload()
        await expect(page.locator("#alerts-note")).to_have_text("30+")
        await expect(page.locator("#alerts li")).to_have_count(30)


async def test_changes_show_live_without_a_reload(browser: Browser, rig: Desk) -> None:
    await rig.publish(entry_event("created", 1, "old", text="The old one", published_at=at(0)))
    async with opened(browser, rig) as page:
        await page.evaluate("window.sameDocument = true")
        old = page.locator('article[data-entry="old"]')
        await expect(old).to_be_visible()
        await rig.publish(entry_event("created", 2, "new", text="At least four were hurt", published_at=at(10)))
        new = page.locator("#entries article").first
        await expect(new).to_contain_text("four were hurt")
        await expect(new).to_have_class("entry flash")
        await expect(page.locator("#announce")).to_contain_text("new, Harbour fire: At least four were hurt")

        text = "At least six were hurt"
        edit = entry_event(
            "updated", 3, "new", revision=2, text=text, changes=EDIT, significance="substantive", published_at=at(10)
        )
        await rig.publish(edit)
        await expect(new).to_contain_text("six were hurt")
        await expect(new.locator(".badge")).to_contain_text("revised · substantive")
        await expect(page.locator("#changes li").first.locator("ins")).to_have_text("six")

        await rig.publish(entry_event("removed", 4, "new", revision=3, text=text, published_at=at(10)))
        await expect(new.locator(".badge")).to_contain_text("withdrawn")
        assert "line-through" in await new.locator(".body").evaluate("e => getComputedStyle(e).textDecorationLine")

        await rig.publish(entry_event("restored", 5, "new", revision=4, text=text, published_at=at(10)))
        await expect(new.locator(".badge")).to_contain_text("restored")

        await rig.publish(entry_event("created", 6, "between", text="In between", published_at=at(5)))
        await expect(page.locator("#entries article").nth(1)).to_contain_text("In between")
        assert await page.evaluate("window.sameDocument")


async def test_revisions_open_by_keyboard_with_words_marked(browser: Browser, rig: Desk) -> None:
    await rig.publish(
        entry_event("created", 1, "e1", text="At least four were hurt"),
        entry_event(
            "updated", 2, "e1", revision=2, text="At least six were hurt", changes=EDIT, significance="substantive"
        ),
    )
    async with opened(browser, rig) as page:
        toggle = page.get_by_role("button", name="2 revisions")
        await expect(toggle).to_be_visible()
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await toggle.evaluate("e => e === document.activeElement"):
                break
        await expect(toggle).to_be_focused()
        assert await toggle.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
        await page.keyboard.press("Enter")
        await expect(toggle).to_have_attribute("aria-expanded", "true")
        panel = page.locator("article .revisions")
        await expect(panel.locator("del")).to_have_text("four")
        await expect(panel.locator("ins")).to_have_text("six")
        await expect(panel.locator(".diff")).to_have_text("At least foursix were hurt")
        await expect(panel.locator("li")).to_have_count(2)
        more = entry_event("removed", 3, "e1", revision=3, text="At least six were hurt")
        await rig.publish(more)
        await expect(panel.locator("li")).to_have_count(3)
        await expect(panel.locator("li").first).to_contain_text("missing in 2 looks")
        await expect(page.get_by_role("button", name="3 revisions")).to_be_focused()
        await page.keyboard.press("Space")
        await expect(panel).to_be_hidden()


async def test_letters_move_between_entries_and_open_search(browser: Browser, rig: Desk) -> None:
    await rig.publish(*(entry_event("created", n, f"e{n}", published_at=at(n)) for n in (1, 2)))
    async with opened(browser, rig) as page:
        await expect(page.locator("#entries article")).to_have_count(2)
        await page.keyboard.press("j")
        await expect(page.locator('article[data-entry="e2"]')).to_be_focused()
        await page.keyboard.press("j")
        await expect(page.locator('article[data-entry="e1"]')).to_be_focused()
        await page.keyboard.press("r")
        await expect(page.locator('article[data-entry="e1"] .revisions')).to_contain_text("first seen")
        await page.keyboard.press("/")
        await expect(page.locator("#query")).to_be_focused()


async def test_a_phone_scrolls_in_one_direction_only(browser: Browser, rig: Desk) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitän" * 6 + " https://example.org/" + "a" * 300
    await rig.publish(
        entry_event("created", 1, "e1", text=long, title=long, labels=("l" * 90,), authors=("A" * 90,)),
        entry_event(
            "updated", 2, "e1", revision=2, text=long, changes=EDIT, significance="substantive", url="https://e.org/"
        ),
    )
    async with opened(browser, rig, viewport=PHONE) as page:
        await page.get_by_role("button", name="2 revisions").click()
        await expect(page.locator(".revisions ins")).to_be_visible()
        for panel in await page.locator("details.panel > summary").all():
            await panel.click()
        await expect(page.locator("#feeds")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 360
        cut = """() => [...document.querySelectorAll("article, article *")].filter((one) =>
            getComputedStyle(one).display !== "inline" && one.scrollWidth > one.clientWidth + 1)
            .map((one) => one.className)"""
        assert await page.evaluate(cut) == []


async def test_search_finds_and_gives_the_timeline_back(browser: Browser, rig: Desk) -> None:
    await rig.publish(
        entry_event("created", 1, "e1", text="Two ferries diverted"), entry_event("created", 2, "e2", text="Goal!")
    )
    async with opened(browser, rig, wrong_but="400 (Bad Request)") as page:
        articles = page.locator("#entries article")
        await expect(articles).to_have_count(2)
        await page.get_by_role("searchbox").fill("ferr*")
        await expect(articles).to_have_count(1)
        await expect(articles).to_contain_text("Two ferries")
        await rig.publish(entry_event("created", 3, "e3", text="Not what is searched"))
        await expect(page.locator("#changes li").first).to_contain_text("Not what is searched")
        await expect(articles).to_have_count(1)
        await page.get_by_role("searchbox").fill("…")
        await expect(page.locator("#notice")).to_contain_text("holds no word")
        await page.get_by_role("searchbox").fill("submarine")
        await expect(page.locator("#empty")).to_contain_text("Nothing found")
        await page.get_by_role("searchbox").fill("")
        await expect(articles).to_have_count(3)


async def test_the_timeline_is_filtered_by_feed_and_by_significance(browser: Browser, rig: Desk) -> None:
    await rig.want("other")
    await rig.publish(
        entry_event("created", 1, "e1"),
        entry_event("updated", 2, "e1", revision=2, text="Fixed", significance="cosmetic"),
        entry_event("created", 3, "e2"),
        entry_event("created", 1, "e9", feed="other", text="Elsewhere"),
    )
    async with opened(browser, rig) as page:
        articles = page.locator("#entries article")
        await expect(articles).to_have_count(3)
        await page.locator('#feeds button[data-feed="harbour"]').click()
        await expect(articles).to_have_count(2)
        await rig.publish(entry_event("created", 2, "e10", feed="other", text="Elsewhere again"))
        await expect(page.locator("#changes li").first).to_contain_text("Elsewhere again")
        await expect(articles).to_have_count(2)
        await page.get_by_label("Show").select_option("cosmetic")
        await expect(articles).to_have_count(1)
        await expect(articles).to_contain_text("Fixed")
        await page.reload()
        await expect(articles).to_have_count(1)
        await expect(articles).to_contain_text("Fixed")


async def test_what_a_source_writes_is_inert(browser: Browser, rig: Desk) -> None:
    payload = '<img src=x onerror="window.owned=1"><script>window.owned=1</script><svg onload=window.owned=1>'
    diff = (Change(field="content_text", diff=(("-", payload), ("+", payload + "!"))),)
    fields: dict[str, Any] = {
        "title": payload,
        "authors": (payload,),
        "labels": (payload,),
        "url": "javascript:window.owned=1",
    }
    await rig.publish(
        entry_event("created", 1, "e1", text=payload, **fields),
        entry_event("updated", 2, "e1", revision=2, text=payload + "!", changes=diff, **fields),
    )
    async with opened(browser, rig) as page:
        await page.get_by_role("button", name="2 revisions").click()
        await expect(page.locator(".revisions ins")).to_have_text(payload + "!")
        await expect(page.locator("article .body p")).to_have_text(payload + "!")
        assert await page.evaluate("window.owned === undefined")
        assert await page.locator("article :is(img, script, svg, a)").count() == 0


async def test_a_burst_neither_freezes_nor_floods_the_page(browser: Browser, rig: Desk) -> None:
    async with opened(browser, rig) as page:
        # How long a frame takes is the machine's affair; how much is put into one is ours.
        await page.evaluate(
            """() => { window.counts = [0]; const note = document.getElementById("changes-note");
            new MutationObserver(() => counts.push(parseInt(note.textContent) || 0))
              .observe(note, { childList: true, characterData: true, subtree: true }); }"""
        )
        burst = [
            entry_event("created", n, f"e{n}", published_at=at(n), text=f"Entry {n}. " * 30) for n in range(1, 501)
        ]
        await rig.publish(*burst)
        await expect(page.locator("#entries article").first).to_contain_text("Entry 500.")
        await expect(page.locator("#changes-note")).to_have_text("500 since you came")
        assert await page.locator("#entries article").count() == 60
        counts: list[int] = await page.evaluate("counts")
        assert counts[-1] == 500
        assert max(later - earlier for earlier, later in pairwise(counts)) <= 250
        await page.get_by_role("button", name="Show older").click()
        await expect(page.locator("#entries article")).to_have_count(120)


async def test_older_entries_are_paged_in_from_the_store(browser: Browser, rig: Desk) -> None:
    await rig.publish(*(entry_event("created", n, f"e{n}", published_at=at(n)) for n in range(1, 131)))
    async with opened(browser, rig) as page:
        articles = page.locator("#entries article")
        await expect(articles).to_have_count(60)
        older = page.get_by_role("button", name="Show older")
        await older.click()
        await expect(articles).to_have_count(120)
        await older.click()
        await expect(articles).to_have_count(130)
        await expect(older).to_be_hidden()
        ids = await articles.evaluate_all("all => all.map((one) => one.dataset.entry)")
        assert ids == [f"e{n}" for n in range(130, 0, -1)]


async def test_after_an_outage_the_page_shows_what_happened_meanwhile(browser: Browser, rig: Desk) -> None:
    """Storage lags here, so that the list that is read anew is older than the stream: it must undo nothing."""
    port = free_port()
    await rig.stop()
    await rig.serve(port=port)
    await rig.publish(entry_event("created", 1, "e1", text="Before", published_at=at(0)))
    async with opened(browser, rig, wrong_but="ERR_CONNECTION_REFUSED") as page:
        articles = page.locator("#entries article")
        await rig.publish(entry_event("updated", 2, "e1", revision=2, text="Newest", published_at=at(0)), stored=False)
        await expect(articles).to_contain_text(["Newest"])
        await rig.stop()
        await expect(page.locator("#connection")).to_have_text("Reconnecting…")
        await rig.publish(entry_event("created", 3, "e2", text="Meanwhile", published_at=at(1)), stored=False)
        async with page.expect_response(lambda answer: "/api/entries" in answer.url) as listed:
            await rig.serve(port=port)
        assert "Newest" not in await (await listed.value).text()
        await expect(page.locator("#connection")).to_have_text("Live")
        await expect(page.locator("#changes-note")).to_have_text("2 since you came")
        await page.evaluate("fetch('/api').then(() => new Promise((done) => setTimeout(done, 100)))")  # it is drawn
        assert [await one.locator(".body").inner_text() for one in await articles.all()] == ["Meanwhile", "Newest"]


async def test_motion_stops_where_the_reader_wants_none(browser: Browser, rig: Desk) -> None:
    context = await browser.new_context(reduced_motion="reduce")
    page = await context.new_page()
    await page.goto(rig.url)
    await expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    assert await page.locator(".pulse").evaluate("e => getComputedStyle(e).animationName") == "none"
    await context.close()
