"""What our sanitiser lets through, judged by a real browser: nothing that runs, whatever was put in."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page

from deltawire.formats import registry
from deltawire.formats.base import NeedsLenient, Raw, Unreadable
from deltawire.formats.content import from_html
from formats.docs import URL
from formats.test_feedparser_suite import ARCHIVE
from hostile.xss import payloads
from support.chromium import chromium

BASE = "https://x.example/live/"
JUDGE = Path(__file__).with_name("judge.js").read_text()


async def judged(page: Page, documents: list[str]) -> dict[int, str]:
    """By the number of each document that is unsafe: why."""
    found: dict[str, Any] = await page.evaluate(JUDGE, documents)
    return {int(number): why for number, why in found.items()}


async def test_nothing_that_runs_passes_and_the_judge_knows_what_runs() -> None:
    put_in = list(dict.fromkeys(payloads()))
    assert len(put_in) > 650
    cleaned = list(dict.fromkeys(from_html(payload, BASE).html for payload in put_in))
    raw = put_in[::5]
    async with chromium() as browser:
        page = await browser.new_page()
        assert {cleaned[number]: why for number, why in (await judged(page, cleaned)).items()} == {}
        assert len(await judged(page, raw)) > len(raw) / 2


def test_cleaning_what_is_clean_changes_nothing() -> None:
    for payload in payloads():
        once = from_html(payload, BASE)
        assert from_html(once.html, BASE).html == once.html, payload


async def test_nothing_that_runs_passes_from_the_documents_of_feedparser() -> None:
    if not ARCHIVE.exists():
        pytest.skip(f"feedparser's source distribution is not at {ARCHIVE}; make test fetches it")
    bodies: set[str] = set()
    entries = 0
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member) if "/wellformed/sanitize/" in member.name else None
            if file is None:
                continue
            raw = Raw(body=file.read(), url=URL)
            try:
                reading = registry.read(raw)
            except NeedsLenient:
                reading = registry.read_leniently(raw)
            except Unreadable:
                continue
            bodies |= {entry.content_html for entry in reading.entries}
            entries += len(reading.entries)
    assert entries > 200
    async with chromium() as browser:
        assert await judged(await browser.new_page(), sorted(bodies)) == {}
