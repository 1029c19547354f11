"""What an operator's graphs show of series."""

from __future__ import annotations

from deltawire import telemetry
from poller.test_series_service import section, series, until_feeds
from support.origin import Answer
from support.polling import Deployment, page
from support.waiting import eventually


async def until_shown(name: str, value: float, **labels: str) -> None:
    async def is_shown() -> bool:
        return (telemetry.registry.get_sample_value(f"deltawire_series_{name}", labels) or 0.0) == value

    await eventually(is_shown)


def looks(outcome: str) -> float:
    return telemetry.registry.get_sample_value("deltawire_series_looks_total", {"outcome": outcome}) or 0.0


async def test_looks_at_a_series_are_counted_by_outcome(site: Deployment) -> None:
    site.origin.serve("/live-1", page("a"))
    answers = {
        "ok": section("/live-1"),
        "no-match": Answer(body=b"<html><a href='/x'>Other</a></html>", content_type="text/html"),
        "unchanged": section("/live-1", etag='"1"'),
        "http-500": Answer(status=500),
        "empty": Answer(body=b"", content_type="text/html"),
    }
    before = {outcome: looks(outcome) for outcome in answers}

    async def counted() -> bool:
        return looks(outcome) > before[outcome]

    site.origin.serve("/europe", answers["ok"])
    async with site.poller(series(site)):
        for outcome, answer in answers.items():  # noqa: B007 - it is what is waited for
            site.origin.serve("/europe", answer)
            await eventually(counted)


async def test_blogs_found_and_blogs_that_are_open_are_shown_for_each_series(site: Deployment) -> None:
    labels = {"series": "europe"}
    found = telemetry.registry.get_sample_value("deltawire_series_blogs_found_total", labels) or 0.0
    for path in ("/live-1", "/live-2"):
        site.origin.serve(path, page("a"))
    site.origin.serve("/europe", section("/live-1"))
    async with site.poller(series(site)):
        await until_shown("open_blogs", 1, **labels)
        site.origin.serve("/europe", section("/live-2", "/live-1"))
        await until_shown("open_blogs", 2, **labels)
        first, _ = await until_feeds(site, 2)
        await site.remove(first)
        await until_shown("open_blogs", 1, **labels)
        await until_shown("blogs_found_total", found + 2, **labels)
    await until_shown("open_blogs", 0, **labels)
