"""Series that are followed: a real log, a real site, and a poller between them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import net, wanted
from deltawire.config import Config, SeriesConfig
from deltawire.differ import service as differ
from deltawire.differ.state import Policy
from deltawire.events import Event, FeedData, decode
from deltawire.log.port import Outgoing, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.model import Feed
from deltawire.poller import service
from deltawire.poller_state import SeriesState
from support.flaky_log import FlakyLog
from support.origin import Answer, Origin
from support.polling import CONFIG, TOPICS, Deployment, page
from support.waiting import eventually, running

MATCH = "europe live"


def series(site: Deployment, path: str = "/europe", config: Config = CONFIG, **fields: object) -> Config:
    one = SeriesConfig(
        id="europe",
        url=site.origin.url(path),
        match=MATCH,
        interval=0.03,
        format="jsonfeed",
        min_interval=0.02,
        max_interval=0.2,
    )
    return msgspec.structs.replace(config, series=(msgspec.structs.replace(one, **fields),))


def section(*paths: str, etag: str | None = None) -> Answer:
    links = "".join(f'<li><a href="{path}"><h3>Europe live: {path}</h3></a></li>' for path in paths)
    body = f"<html><body><nav><a href='/'>Home</a></nav><ul>{links}</ul></body></html>".encode()
    return Answer(body=body, content_type="text/html", etag=etag)


async def remembered(site: Deployment) -> SeriesState | None:
    state = None
    async for record in snapshot(site.log, TOPICS.series):
        state = msgspec.json.decode(record.value or b"", type=SeriesState)
    return state


async def until_feeds(site: Deployment, count: int) -> dict[str, Feed]:
    async def there() -> bool:
        return len(await wanted.read(site.log, TOPICS)) >= count

    await eventually(there)
    return await wanted.read(site.log, TOPICS)


async def until_outcome(site: Deployment, outcome: str) -> SeriesState:
    async def there() -> bool:
        state = await remembered(site)
        return state is not None and state.outcome == outcome

    await eventually(there)
    state = await remembered(site)
    assert state is not None
    return state


async def events(site: Deployment) -> list[Event]:
    found = [decode(record.headers, record.value) async for record in snapshot(site.log, TOPICS.events)]
    return sorted(found, key=lambda event: event.time)


async def test_the_events_of_a_blog_and_of_the_next_one_name_each_other(site: Deployment) -> None:
    for day in ("monday", "tuesday"):
        site.origin.serve(f"/live-{day}", page(day, etag=f'"{day}"'))
    site.origin.serve("/europe", section("/live-monday"))
    async with site.poller(series(site)), running(differ.run(site.log, TOPICS, "urn:test", Policy())):
        (first,) = await until_feeds(site, 1)
        # All looks that the first one owes are written before the next one comes.
        await site.origin.wait_for("/live-monday", 8)
        site.origin.serve("/europe", section("/live-tuesday", "/live-monday"))
        _, second = await until_feeds(site, 2)

        async def told() -> bool:
            return sum(isinstance(event.data, FeedData) for event in await events(site)) >= 3

        await eventually(told)
    found = {
        (e.feed_id, e.type.rpartition(".")[2], e.data.cause, e.data.continues, e.data.continued_by)
        for e in await events(site)
        if isinstance(e.data, FeedData)
    }
    assert found == {
        (first, "started", "first-seen", None, None),
        (second, "started", "first-seen", first, None),
        (first, "updated", "continued", None, second),
    }
    assert all(event.data.feed.series == "europe" for event in await events(site))


async def test_a_restart_adds_nothing_twice_and_no_removed_feed_again(site: Deployment) -> None:
    site.origin.serve("/europe", section("/live-1"))
    site.origin.serve("/live-1", page("a"))
    async with site.poller(series(site)):
        (feed_id,) = await until_feeds(site, 1)
    await site.remove(feed_id)
    before = len(site.origin.asked("/europe"))
    async with site.poller(series(site)):
        await site.origin.wait_for("/europe", before + 4)
    assert await wanted.read(site.log, TOPICS) == {}


async def test_a_page_that_stands_still_costs_no_reading_and_no_writing(site: Deployment) -> None:
    site.origin.serve("/europe", section("/live-1", etag='"1"'))
    async with site.poller(series(site)):
        requests = await site.origin.wait_for("/europe", 5)
    assert [request.headers.get("if-none-match") for request in requests[:5]] == [None, *['"1"'] * 4]
    assert len([record async for record in snapshot(site.log, TOPICS.series)]) == 1


async def test_feeds_and_queries_list_blogs_too(site: Deployment) -> None:
    at = site.origin.url("/live/2026/mar/01/a")
    items = [{"id": "1", "url": at, "title": "Europe live", "content_text": "x"}]
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "Live", "items": items}
    item = f"<item><title>Europe live</title><link>{at}</link></item>"
    rss = f"<rss version='2.0'><channel><title>L</title>{item}</channel></rss>"
    query = {
        "response": {"status": "ok", "results": [{"webTitle": "Europe live", "webUrl": at, "type": "liveblog"}, 7]}
    }
    for path, body in (("/feed", json.dumps(feed)), ("/rss", rss), ("/query?api-key=k", json.dumps(query))):
        site.origin.serve(path, Answer(body=body.encode(), content_type=None))
        async with site.poller(series(site, path, id=f"s{path[1:5]}")):
            await until_feeds(site, 1)
        ((feed_id, found),) = (await wanted.read(site.log, TOPICS)).items()
        assert (feed_id, found.url) == (f"s{path[1:5]}-2026-03-01", at)
        await site.remove(feed_id)


async def test_a_page_that_fails_or_lists_nothing_changes_no_feed_and_is_told(site: Deployment) -> None:
    answers = {
        "http-500": Answer(status=500),
        "no-match": section(),
        "malformed": Answer(body=b'{"a": ', content_type="application/json"),
    }
    site.origin.serve("/europe", section("/live-1"))
    with capture_logs() as logs:
        async with site.poller(series(site)):
            feeds = await until_feeds(site, 1)
            for outcome, answer in answers.items():
                site.origin.serve("/europe", answer)
                state = await until_outcome(site, "cut-off" if outcome == "malformed" else outcome)
                assert state.detail
                site.origin.serve("/europe", section("/live-1"))
                await until_outcome(site, "ok")

            async def told() -> bool:
                # Each after it was remembered.
                outcomes = [line["outcome"] for line in logs if line["event"] == "series.state"]
                return outcomes == ["http-500", "ok", "no-match", "ok", "cut-off", "ok"]

            await eventually(told)
        assert await wanted.read(site.log, TOPICS) == feeds
    assert all("what_to_do" in line for line in logs if line["event"] == "series.state" and line["outcome"] != "ok")


async def test_retry_after_is_kept_over_a_restart(site: Deployment) -> None:
    site.origin.serve("/europe", Answer(status=429, headers={"Retry-After": "3600"}))
    site.origin.serve("/other", section("/live-1"))
    async with site.poller(series(site)):
        state = await until_outcome(site, "http-429")
    assert state.retry_after is not None
    assert state.retry_after > datetime.now(UTC) + timedelta(seconds=3500)
    both = series(site)
    other = msgspec.structs.replace(both.series[0], id="other", url=site.origin.url("/other"))
    async with site.poller(msgspec.structs.replace(both, series=(*both.series, other))):
        await until_feeds(site, 1)
    assert len(site.origin.asked("/europe")) == 1


async def test_robots_txt_is_asked_for_pages(site: Deployment) -> None:
    site.origin.serve("/robots.txt", Answer(body=b"User-agent: *\nDisallow: /europe\n", content_type="text/plain"))
    site.origin.serve("/europe", section("/live-1"))
    async with site.poller(series(site)):
        await until_outcome(site, "robots")
    assert await wanted.read(site.log, TOPICS) == {}


async def test_nothing_that_a_page_says_can_be_filled_in_from_our_environment(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "opensesame")
    body = b'<a href="/live-1?a=${SECRET}">Europe live</a><a href="http://u:p@127.0.0.1/live-2">Europe live</a>'
    site.origin.serve("/europe", Answer(body=body, content_type="text/html"))
    async with site.poller(series(site)):
        await site.origin.wait_for("/europe", 3)
    assert all("${" not in feed.url for feed in (await wanted.read(site.log, TOPICS)).values())
    assert not any("opensesame" in request.path for request in site.origin.requests)


async def test_of_two_pollers_one_follows_a_series(site: Deployment) -> None:
    names = [f"s{number}" for number in range(4)]
    for name in names:
        site.origin.serve(f"/{name}", section(f"/live-{name}"))
    one = series(site).series[0]
    several = tuple(msgspec.structs.replace(one, id=name, url=site.origin.url(f"/{name}")) for name in names)
    config = msgspec.structs.replace(CONFIG, series=several)
    async with site.poller(config), site.poller(config):
        feeds = await until_feeds(site, 4)
        await asyncio.gather(*(site.origin.wait_for(f"/{name}", 6) for name in names))
    assert sorted(feed.series or "" for feed in feeds.values()) == names
    assert await generations(site) == Counter(dict.fromkeys(feeds, 1))


class Watching:
    """The log; ``commits`` are the topics of each commit of its writers."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.commits: list[set[str]] = []

    async def writer(self, name: str) -> Any:
        writer = await self._log.writer(name)
        commits = self.commits

        class Watched:
            async def commit(self, records: Sequence[Outgoing]) -> None:
                commits.append({record.topic for record in records})
                await writer.commit(records)

            async def close(self) -> None:
                await writer.close()

        return Watched()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_a_blog_and_the_memory_that_it_was_found_are_one_commit(site: Deployment) -> None:
    site.origin.serve("/europe", section("/live-1"))
    log = Watching(site.log)
    async with (
        net.make_session(CONFIG.fetch) as session,
        running(service.run(log, TOPICS, series(site), session=session)),
    ):
        await until_feeds(site, 1)
    assert log.commits == [{TOPICS.feeds, TOPICS.series}]


async def generations(site: Deployment) -> Counter[str]:
    """How many lives each feed has had."""
    lives: set[tuple[str, str]] = set()
    async for record in snapshot(site.log, TOPICS.feeds):
        if record.value is not None:
            feed = msgspec.json.decode(record.value, type=Feed)
            lives.add((feed.id, feed.generation))
    return Counter(feed_id for feed_id, _ in lives)


@pytest.mark.parametrize("seed", [1, 2])
async def test_on_a_log_at_its_worst_each_blog_is_added_once_and_the_chain_has_no_gap(
    tmp_path: Path, seed: int
) -> None:
    async with Origin() as origin:
        site = Deployment(tmp_path / "log.db", origin)
        flaky = await FlakyLog.open(site.path, TOPICS, seed=seed, unknown_rate=0.4, revoke_rate=0.05)
        site.log = flaky.inner
        paths = [f"/2026/03/{day:02}/europe-live" for day in range(1, 9)]
        try:
            origin.serve("/europe", section())
            async with (
                net.make_session(CONFIG.fetch) as session,
                running(service.run(flaky, TOPICS, series(site, keep=50), session=session)),
            ):
                for number, path in enumerate(paths, start=1):
                    origin.serve("/europe", section(path, *paths[: number - 1]))
                    feeds = await until_feeds(site, number)
        finally:
            lives = await generations(site)
            await flaky.close()
    names = [f"europe-2026-03-{day:02}" for day in range(1, 9)]
    assert lives == Counter(dict.fromkeys(names, 1))
    assert [feeds[name].continues for name in names] == [None, *names[:-1]]
    assert [feeds[name].continued_by for name in names] == [*names[1:], None]


async def test_a_memory_that_cannot_be_read_is_a_dead_letter_and_stops_nothing(site: Deployment) -> None:
    await site.log.append([Outgoing(topic=TOPICS.series, key="europe", value=b'{"url": 7}')])
    site.origin.serve("/europe", section("/live-1"))
    async with site.poller(series(site)):
        await until_feeds(site, 1)
    dead = [record async for record in snapshot(site.log, TOPICS.dead_letters)]
    assert [record.key for record in dead] == ["europe"]


async def test_a_slow_page_does_not_delay_the_other_series(site: Deployment) -> None:
    async def slow(*_: object) -> None:
        await asyncio.Event().wait()

    site.origin.serve("/slow", slow)
    site.origin.serve("/europe", section("/live-1"))
    config = series(site)
    waiting = [msgspec.structs.replace(config.series[0], id=f"slow{n}", url=site.origin.url("/slow")) for n in range(4)]
    async with site.poller(msgspec.structs.replace(config, series=(*waiting, *config.series))):
        await site.origin.wait_for("/slow", 4)
        await site.origin.wait_for("/europe", 3)
