"""The poller on a real log, against a real site."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from deltawire import wanted
from deltawire.config import DifferConfig
from deltawire.formats import registry
from deltawire.model import (
    Coverage,
    Document,
    Entry,
    Failed,
    Feed,
    FeedMeta,
    Reading,
    Retired,
    Unchanged,
)
from deltawire.poller.reader import bounded
from deltawire.telemetry import registry as metrics
from support import origin as sites
from support.origin import Answer, Request
from support.polling import CONFIG, OWED, TOPICS, Deployment, blog, has, page, texts, with_fetch
from support.waiting import eventually


async def test_changes_are_written_as_documents_with_the_looks_that_confirm_them(site: Deployment) -> None:
    site.origin.serve("/feed", *[page("a")] * (OWED + 3), page("b", "a"))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/feed", 2 * OWED + 10)
    kinds = await site.kinds()
    assert kinds == ["Document", *["Unchanged"] * OWED, "Document", *["Unchanged"] * OWED]
    first, *_, second = [seen for seen in await site.observations() if isinstance(seen, Document)]
    assert (texts(first), sorted(texts(second))) == (["a"], ["a", "b"])
    assert first.began_at <= first.fetched_at <= second.began_at
    assert len(first.poll_id) == 32
    assert first.poll_id != second.poll_id
    assert first.poller == second.poller


async def test_one_feed_is_looked_at_as_soon_as_it_is_added(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    async with site.poller():
        await asyncio.sleep(0)
        await site.add(min_interval=900, max_interval=900)
        await site.origin.wait_for("/feed", 1)


async def test_unchanged_looks_ask_with_the_validators_and_read_nothing(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, readings = registry.read, Counter[str]()

    def counted(raw: Any, format: str) -> Any:  # noqa: A002
        readings["read"] += 1
        return real(raw, format)

    monkeypatch.setattr(registry, "read", counted)
    site.origin.serve("/feed", page("a", etag='W/"1"'))
    site.origin.serve("/same", page("a"))
    await site.add()
    await site.add("same", site.origin.url("/same"))
    async with site.poller():
        requests = await site.origin.wait_for("/feed", 5)
        await site.origin.wait_for("/same", 5)
    assert [request.headers.get("if-none-match") for request in requests[:5]] == [None, *['W/"1"'] * 4]
    assert readings["read"] == 2


async def test_a_restart_keeps_validators_and_writes_no_document_again(site: Deployment) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    await site.add()
    async with site.poller():
        await site.until(has(Unchanged, 3))
    before = len(site.origin.requests)
    async with site.poller():
        requests = await site.origin.wait_for("/feed", before + 3)
    assert all(request.headers["if-none-match"] == '"1"' for request in requests[1:])
    assert (await site.kinds()).count("Document") == 1


async def test_a_restart_keeps_retry_after(site: Deployment) -> None:
    site.origin.serve("/feed", Answer(status=429, headers={"Retry-After": "3600"}))
    site.origin.serve("/other", page("a"))
    await site.add()
    async with site.poller():
        [failed] = await site.until(has(Failed))
    assert isinstance(failed, Failed)
    assert failed.next_poll_at is not None
    assert 3590 < (failed.next_poll_at - failed.fetched_at).total_seconds() <= 3600
    await site.add("other", site.origin.url("/other"))
    async with site.poller():
        await site.origin.wait_for("/other", 4)
    assert len(site.origin.asked("/feed")) == 1


class Slow:
    """A page that takes a while. ``most`` is how many were under way at once."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.under_way = 0
        self.most = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.work()
        self.under_way -= 1
        writer.write(sites.head(200, {"Content-Length": str(len(blog("a")))}) + blog("a"))
        await writer.drain()

    async def work(self) -> None:
        await asyncio.sleep(self.seconds)


class Crowd(Slow):
    """A page that answers nobody before so many have asked."""

    def __init__(self, wanted: int) -> None:
        super().__init__(0)
        self._wanted = wanted
        self._there = asyncio.Event()

    async def work(self) -> None:
        if self.most >= self._wanted:
            self._there.set()
        await self._there.wait()


async def test_many_feeds_are_polled_at_once_but_never_one_twice(site: Deployment) -> None:
    crowd = Crowd(20)
    for number in range(40):
        site.origin.serve(f"/{number}", crowd)
        await site.add(f"feed-{number}", site.origin.url(f"/{number}"), min_interval=0.01, max_interval=0.01)
    async with site.poller():
        for number in range(40):
            await site.origin.wait_for(f"/{number}", 4)
    assert crowd.most >= 20
    assert set(site.origin.peak.values()) == {1}


async def test_feeds_that_are_added_together_are_spread_and_one_added_then_waits_for_none_of_them(
    site: Deployment,
) -> None:
    feed = Feed(id="", url=site.origin.url("/many"), generation="g1", min_interval=900)
    many = [msgspec.structs.replace(feed, id=f"feed-{number}") for number in range(1000)]
    async with site.poller():
        await wanted.write(site.log, TOPICS, many)
        await site.origin.wait_for("/many", 5)
        await site.add("alone", site.origin.url("/alone"))
        await site.origin.wait_for("/alone", 1)
        assert len(site.origin.asked("/many")) < 1000


async def test_one_slow_feed_does_not_delay_the_others(site: Deployment) -> None:
    site.origin.serve("/slow", sites.silent)
    site.origin.serve("/feed", page("a"))
    await site.add("slow", site.origin.url("/slow"))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/slow", 1)
        await site.origin.wait_for("/feed", 10)
    assert len(site.origin.asked("/slow")) == 1


async def test_a_host_gets_no_more_connections_than_configured_and_waiting_costs_no_deadline(site: Deployment) -> None:
    for deadline in (0.9, 9.0):
        # What is fetched alone must not come near the deadline, also where everything takes longer.
        slow = Slow(deadline / 9)
        ids = [f"feed-{number}-{deadline}" for number in range(24)]
        for feed_id in ids:
            site.origin.serve(f"/{feed_id}", slow)
            await site.add(feed_id, site.origin.url(f"/{feed_id}"), min_interval=60, max_interval=60)
        async with site.poller(with_fetch(per_host_connections=2, timeout=deadline)):
            for feed_id in ids:
                await site.until(lambda seen: bool(seen), feed_id)
        assert slow.most == 2
        kinds = [await site.kinds(feed_id) for feed_id in ids]
        if kinds == [["Document"]] * 24:
            return
    pytest.fail(f"what waited for its turn was refused: {kinds}")


async def test_a_host_gets_no_more_requests_a_second_than_configured(site: Deployment) -> None:
    for number in range(3):
        site.origin.serve(f"/{number}", page("a"))
        await site.add(f"feed-{number}", site.origin.url(f"/{number}"))
    began = time.monotonic()
    async with site.poller(with_fetch(per_host_rate=20)):
        for number in range(3):
            await site.origin.wait_for(f"/{number}", 4)
    at = [request.at for request in site.origin.requests]
    # Not since the first came: it may have been held up on its way longer than the last.
    assert at[-1] - began >= (len(at) - 1) / 20


async def test_a_paused_feed_is_left_alone(site: Deployment) -> None:
    async def is_paused() -> bool:
        return metrics.get_sample_value("deltawire_feeds", {"state": "paused"}) == 1

    site.origin.serve("/feed", page("a"))
    site.origin.serve("/other", page("a"))
    feed = await site.add()
    await site.add("other", site.origin.url("/other"))
    async with site.poller():
        await site.until(has(Document))
        await site.put(msgspec.structs.replace(feed, paused=True))
        await eventually(is_paused)
        seen = len(site.origin.asked("/feed"))
        await site.origin.wait_for("/other", len(site.origin.asked("/other")) + 10)
        assert len(site.origin.asked("/feed")) == seen


async def test_a_resumed_feed_is_looked_at_at_once_and_was_not_forgotten(site: Deployment) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    feed = await site.add(min_interval=900, max_interval=900)
    async with site.poller():
        await site.until(has(Document))
        await site.put(msgspec.structs.replace(feed, paused=True))
        await site.put(feed)
        _, second = await site.origin.wait_for("/feed", 2)
        await site.until(has(Unchanged))
    assert second.headers["if-none-match"] == '"1"'


async def test_a_removed_feed_is_retired_and_forgotten(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    await site.add()
    async with site.poller():
        await site.until(has(Document))
        await site.remove()
        *_, last = await site.until(has(Retired))
        seen = len(site.origin.requests)
        assert isinstance(last, Retired)
        assert (last.cause, last.feed.generation) == ("removed", "g1")
        assert await site.state() is None
        await site.add("other", site.origin.url("/other"))
        await site.origin.wait_for("/other", 5)
    assert len(site.origin.asked("/feed")) == seen
    assert (await site.kinds())[-1] == "Retired"


async def test_a_feed_removed_while_no_poller_ran_is_retired_at_the_next_start(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    await site.add()
    async with site.poller():
        await site.until(has(Document))
    await site.remove()
    async with site.poller():
        await site.until(has(Retired))
    assert await site.state() is None
    async with site.poller():
        await asyncio.sleep(0)
    assert (await site.kinds()).count("Retired") == 1


async def test_a_feed_added_again_while_no_poller_ran_is_retired_first(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    await site.add(generation="g1")
    async with site.poller():
        await site.until(has(Document))
    await site.add(generation="g2")
    async with site.poller():
        await site.until(has(Document, 2))
    seen = [(type(look).__name__, look.feed.generation) for look in await site.observations()]
    assert ("Retired", "g1") in seen
    assert seen.index(("Retired", "g1")) < seen.index(("Document", "g2"))


async def test_a_look_begins_after_the_last_one_whatever_the_clock_says(site: Deployment) -> None:
    site.origin.serve("/feed", *[page("a")] * 3, page("b", "a"))
    await site.add()
    async with site.poller():
        await site.until(has(Document))
    async with site.poller(clock=lambda: datetime.now(UTC) - timedelta(hours=1)):
        await site.until(has(Document, 2))
    begun = [look.began_at for look in await site.observations()]
    assert begun == sorted(begun)


async def test_a_feed_added_again_is_written_again(site: Deployment) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    feed = await site.add()
    async with site.poller():
        await site.until(has(Document))
        await site.put(msgspec.structs.replace(feed, generation="g2"))
        documents = [seen for seen in await site.until(has(Document, 2)) if isinstance(seen, Document)]
    assert [document.feed.generation for document in documents] == ["g1", "g2"]


async def test_another_url_is_taken_up_and_asked_without_validators(site: Deployment) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    site.origin.serve("/new", page("b", etag='"1"'))
    feed = await site.add()
    async with site.poller():
        await site.until(has(Document))
        await site.put(msgspec.structs.replace(feed, url=site.origin.url("/new")))
        await site.until(has(Document, 2))
    assert "if-none-match" not in site.origin.asked("/new")[0].headers


async def test_a_feed_that_is_gone_is_retired_and_not_asked_again_even_after_a_restart(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"), Answer(status=410))
    site.origin.serve("/other", page("a"))
    await site.add()
    async with site.poller():
        *_, last = await site.until(has(Retired))
    assert isinstance(last, Retired)
    assert last.cause == "gone"
    assert (await site.kinds())[-2:] == ["Failed", "Retired"]
    await site.add("other", site.origin.url("/other"))
    async with site.poller():
        await site.origin.wait_for("/other", 5)
    assert len(site.origin.asked("/feed")) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        Answer(body=b"<html><body>Are you human?</body></html>", content_type="text/html"),
        Answer(body=b"", content_type="application/feed+json"),
        Answer(body=blog("a", "b")[:-20], content_type="application/feed+json"),
        Answer(status=500),
        sites.raw(sites.head(200, {"Content-Length": str(len(blog("a", "b")))}) + blog("a", "b")[:-20]),
    ],
    ids=["captcha", "empty", "half a document", "500", "cut off"],
)
async def test_what_is_no_document_is_a_failed_look_and_the_recovery_is_seen(
    site: Deployment, wrong: sites.Step
) -> None:
    site.origin.serve("/feed", page("a", "b"), *[wrong] * 3, page("a", "b"))
    await site.add()
    async with site.poller():
        seen = await site.until(lambda seen: has(Failed, 3)(seen) and isinstance(seen[-1], Unchanged))
    assert [type(one).__name__ for one in seen][:5] == ["Document", *["Failed"] * 3, "Unchanged"]
    assert [one.attempts for one in seen if isinstance(one, Failed)] == [1, 2, 3]


async def test_a_reader_that_breaks_is_a_failed_look_that_names_the_place(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(raw: Any, format: str) -> Any:  # noqa: A002
        raise KeyError(raw.body.decode())

    monkeypatch.setattr(registry, "read", broken)
    site.origin.serve("/feed", page("a secret"))
    await site.add()
    async with site.poller():
        failed, *_ = await site.until(has(Failed))
    assert isinstance(failed, Failed)
    assert failed.cause == "reader-error"
    assert "KeyError at test_service.py:" in failed.detail
    assert "secret" not in failed.detail


async def test_a_document_beyond_the_bound_is_cut(site: Deployment) -> None:
    site.origin.serve("/feed", page(*[f"entry {number}" for number in range(20)]))
    await site.add()
    async with site.poller(msgspec.structs.replace(CONFIG, differ=DifferConfig(max_entries=5))):
        [document, *_] = await site.until(has(Document))
    assert isinstance(document, Document)
    assert len(document.reading.entries) == 5


@pytest.mark.parametrize(
    ("coverage", "limit", "left", "then"),
    [("full", 2, 2, "window"), ("full", 3, 3, "full"), ("window", 2, 2, "window"), ("delta", 1, 1, "delta")],
)
def test_a_document_that_was_cut_is_not_complete(coverage: Coverage, limit: int, left: int, then: str) -> None:
    entries = tuple(Entry(source_id=name) for name in "abc")
    whole = Reading(format="rss", version=1, feed=FeedMeta(), coverage=coverage, entries=entries)
    cut = bounded(whole, limit)
    assert (cut.entries, cut.coverage) == (entries[:left], then)


async def test_an_unknown_format_is_named_with_the_known_ones(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    await site.add(format="jsonfeeed")
    async with site.poller():
        failed, *_ = await site.until(has(Failed))
    assert isinstance(failed, Failed)
    assert failed.cause == "format"
    assert "'jsonfeeed', which is none of auto, rss, " in failed.detail
