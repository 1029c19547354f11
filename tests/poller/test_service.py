"""The poller on a real log, against a real site."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deltawire import net
from deltawire.config import Config, DifferConfig, FetchConfig
from deltawire.formats import registry
from deltawire.log.port import LogError, Outgoing, Record, snapshot
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Document, Failed, Feed, FetchState, Observation, Retired, Unchanged
from deltawire.poller import service
from support import origin as sites
from support.origin import Answer, Origin, Request
from support.waiting import running

TOPICS = Topics()
CONFIG = Config(
    fetch=FetchConfig(
        allow_private_networks=True, per_host_rate=0, per_host_connections=64, live_interval=0.05, timeout=5
    )
)
JSON_FEED = "https://jsonfeed.org/version/1.1"


def blog(*texts: str, **fields: Any) -> bytes:
    items = [{"id": text, "content_text": text} for text in texts]
    return json.dumps({"version": JSON_FEED, "title": "Harbour", "items": items} | fields).encode()


def page(*texts: str, **fields: Any) -> Answer:
    return Answer(body=blog(*texts), content_type="application/feed+json", **fields)


class Deployment:
    """A log, a site, and a poller that can be started and stopped."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.path = path
        self.origin = origin
        self.log: SqliteLog

    @asynccontextmanager
    async def poller(self, config: Config = CONFIG, **options: Any) -> AsyncIterator[asyncio.Task[None]]:
        async with (
            net.make_session(config.fetch) as session,
            running(service.run(self.log, TOPICS, config, session=session, **options)) as task,
        ):
            yield task

    async def add(self, feed_id: str = "harbour", url: str | None = None, **fields: Any) -> Feed:
        feed = Feed(id=feed_id, url=url or self.origin.url(), generation="g1", min_interval=0.03, max_interval=0.1)
        feed = msgspec.structs.replace(feed, **fields)
        await self.put(feed)
        return feed

    async def put(self, feed: Feed) -> None:
        await self.log.append([Outgoing(topic=TOPICS.feeds, key=feed.id, value=msgspec.json.encode(feed))])

    async def remove(self, feed_id: str = "harbour") -> None:
        await self.log.append([Outgoing(topic=TOPICS.feeds, key=feed_id, value=None)])

    async def observations(self, feed_id: str = "harbour") -> list[Observation]:
        return [
            msgspec.json.decode(record.value or b"", type=Observation)
            async for record in snapshot(self.log, TOPICS.observations)
            if record.key == feed_id
        ]

    async def kinds(self, feed_id: str = "harbour") -> list[str]:
        return [type(observation).__name__ for observation in await self.observations(feed_id)]

    async def state(self, feed_id: str = "harbour") -> FetchState | None:
        latest: Record | None = None
        async for record in snapshot(self.log, TOPICS.fetch_state):
            latest = record if record.key == feed_id else latest
        return None if latest is None or latest.value is None else msgspec.json.decode(latest.value, type=FetchState)

    async def until(
        self, condition: Callable[[list[Observation]], bool], feed_id: str = "harbour", seconds: float = 10
    ) -> list[Observation]:
        """The observations of a feed as soon as the condition holds for them."""
        async with asyncio.timeout(seconds):
            while not condition(observations := await self.observations(feed_id)):  # noqa: ASYNC110 - in a file
                await asyncio.sleep(0.01)
        return observations


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Deployment]:
    async with Origin() as origin:
        deployment = Deployment(tmp_path / "log.db", origin)
        deployment.log = await SqliteLog.open(deployment.path, TOPICS, partitions=2)
        yield deployment
        await deployment.log.close()


def has(kind: type[Observation], count: int = 1) -> Callable[[list[Observation]], bool]:
    return lambda observations: sum(isinstance(observation, kind) for observation in observations) >= count


def shows(entries: int) -> Callable[[list[Observation]], bool]:
    return lambda seen: any(isinstance(one, Document) and len(texts(one)) == entries for one in seen)


def texts(observation: Observation) -> list[str]:
    assert isinstance(observation, Document)
    return [entry.content_text for entry in observation.reading.entries]


async def test_changes_are_written_as_documents_with_the_looks_that_confirm_them(site: Deployment) -> None:
    site.origin.serve("/feed", *[page("a")] * 8, page("b", "a"))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/feed", 20)
    kinds = await site.kinds()
    assert kinds == ["Document", *["Unchanged"] * 3, "Document", *["Unchanged"] * 3]
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
        await site.add(min_interval=60, max_interval=60)
        await site.origin.wait_for("/feed", 1, timeout=1.5)


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

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0

    async def __call__(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(0.03)
        self.under_way -= 1
        writer.write(sites.head(200, {"Content-Length": str(len(blog("a")))}) + blog("a"))
        await writer.drain()


async def test_many_feeds_are_polled_at_once_but_never_one_twice(site: Deployment) -> None:
    slow = Slow()
    for number in range(40):
        site.origin.serve(f"/{number}", slow)
        await site.add(f"feed-{number}", site.origin.url(f"/{number}"), min_interval=0.01, max_interval=0.01)
    async with site.poller():
        for number in range(40):
            await site.origin.wait_for(f"/{number}", 4)
    assert slow.most >= 20
    assert set(site.origin.peak.values()) == {1}


async def test_one_slow_feed_does_not_delay_the_others(site: Deployment) -> None:
    site.origin.serve("/slow", sites.silent)
    site.origin.serve("/feed", page("a"))
    await site.add("slow", site.origin.url("/slow"))
    await site.add()
    async with site.poller():
        await site.origin.wait_for("/slow", 1)
        await site.origin.wait_for("/feed", 10)
    assert len(site.origin.asked("/slow")) == 1


def with_fetch(**fields: Any) -> Config:
    return msgspec.structs.replace(CONFIG, fetch=msgspec.structs.replace(CONFIG.fetch, **fields))


async def test_a_host_gets_no_more_connections_than_configured(site: Deployment) -> None:
    slow = Slow()
    for number in range(12):
        site.origin.serve(f"/{number}", slow)
        await site.add(f"feed-{number}", site.origin.url(f"/{number}"))
    async with site.poller(with_fetch(per_host_connections=3)):
        for number in range(12):
            await site.origin.wait_for(f"/{number}", 2)
    assert slow.most == 3


async def test_a_host_gets_no_more_requests_a_second_than_configured(site: Deployment) -> None:
    for number in range(3):
        site.origin.serve(f"/{number}", page("a"))
        await site.add(f"feed-{number}", site.origin.url(f"/{number}"))
    async with site.poller(with_fetch(per_host_rate=20)):
        for number in range(3):
            await site.origin.wait_for(f"/{number}", 4)
    at = [request.at for request in site.origin.requests]
    assert at[-1] - at[0] >= (len(at) - 1) / 20 - 0.05


async def test_a_paused_feed_is_left_alone_and_a_resumed_one_looked_at_at_once(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    site.origin.serve("/other", page("a"))
    feed = await site.add(max_interval=600)
    await site.add("other", site.origin.url("/other"))
    async with site.poller():
        await site.until(has(Document))
        await site.put(msgspec.structs.replace(feed, paused=True))
        await asyncio.sleep(0)
        await site.origin.wait_for("/other", len(site.origin.asked("/other")) + 20)
        seen = len(site.origin.asked("/feed"))
        await site.origin.wait_for("/other", len(site.origin.asked("/other")) + 10)
        assert len(site.origin.asked("/feed")) == seen
        await site.put(feed)
        await site.origin.wait_for("/feed", seen + 1, timeout=1.5)
    assert (await site.kinds()).count("Document") == 1


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


async def test_a_document_beyond_the_bound_is_cut_and_no_longer_complete(site: Deployment) -> None:
    site.origin.serve("/feed", page(*[f"entry {number}" for number in range(20)]))
    await site.add()
    async with site.poller(msgspec.structs.replace(CONFIG, differ=DifferConfig(max_entries=5))):
        [document, *_] = await site.until(has(Document))
    assert isinstance(document, Document)
    assert len(document.reading.entries) == 5
    assert document.reading.coverage == "window"


class Failing:
    """The log, whose appends fail or hang as told."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self.failures = 0
        self.hold: asyncio.Event | None = None
        self.held = asyncio.Event()

    async def append(self, records: list[Outgoing]) -> None:
        if self.failures:
            self.failures -= 1
            raise LogError("the disk is full")
        if self.hold is not None:
            self.held.set()
            await self.hold.wait()
        await self._log.append(records)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)


async def test_what_could_not_be_written_is_fetched_again_without_its_validator(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    await site.add()
    log = Failing(site.log)
    log.failures = 1
    with capture_logs() as logs:
        async with (
            net.make_session(CONFIG.fetch) as session,
            running(
                service.run(log, TOPICS, CONFIG, session=session)  # type: ignore[arg-type]
            ),
        ):
            await site.until(has(Document))
            requests = await site.origin.wait_for("/feed", 3)
    assert [request.headers.get("if-none-match") for request in requests[:3]] == [None, None, '"1"']
    assert [line["detail"] for line in logs if line["event"] == "poller.write_failed"] == ["the disk is full"]


async def test_a_stop_finishes_the_write_under_way_and_drops_the_fetch_under_way(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    site.origin.serve("/silent", sites.silent)
    await site.add()
    await site.add("silent", site.origin.url("/silent"))
    log = Failing(site.log)
    log.hold = asyncio.Event()
    async with net.make_session(CONFIG.fetch) as session:
        task = asyncio.create_task(service.run(log, TOPICS, CONFIG, session=session))  # type: ignore[arg-type]
        await site.origin.wait_for("/silent", 1)
        await log.held.wait()
        task.cancel()
        await asyncio.sleep(0)
        assert not task.done()
        log.hold.set()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
    assert await site.kinds() == ["Document"]
    assert await site.state() is not None
    assert await site.kinds("silent") == []


async def test_an_observation_and_its_state_are_one_write(site: Deployment) -> None:
    site.origin.serve("/feed", page("a", etag='"1"'))
    await site.add()
    written: list[list[str]] = []

    class Noted(Failing):
        async def append(self, records: list[Outgoing]) -> None:
            written.append([record.topic for record in records])
            await super().append(records)

    async with (
        net.make_session(CONFIG.fetch) as session,
        running(
            service.run(Noted(site.log), TOPICS, CONFIG, session=session)  # type: ignore[arg-type]
        ),
    ):
        await site.until(has(Unchanged, 3))
        await site.origin.wait_for("/feed", 10)
    assert written == [[TOPICS.observations, TOPICS.fetch_state]] * 4


async def test_state_changes_and_only_they_are_warnings_that_say_what_to_do(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"), *[Answer(status=404)] * 5, page("a"))
    await site.add()
    with capture_logs() as logs:
        async with site.poller():
            await site.until(lambda seen: has(Failed, 5)(seen) and isinstance(seen[-1], Unchanged))
            await asyncio.sleep(0)
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["event"], line["before"], line["state"], line["attempts"]) for line in warnings] == [
        ("feed.state", "ok", "retrying", 1),
        ("feed.state", "retrying", "failing", 3),
    ]
    for line in warnings:
        assert line["cause"] == "http-404"
        assert line["next_poll_at"] > datetime(2026, 1, 1, tzinfo=UTC)
        assert line["what_to_do"] == "check the feed's URL; the blog may have moved"
    assert {line["log_level"] for line in logs if line["event"] == "feed.polled"} == {"debug"}


async def test_secrets_in_a_url_reach_the_site_and_nothing_else(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DW_TOKEN", "s3cr3t-value")
    body = blog("a", home_page_url="?page=2")
    site.origin.serve("/p/s3cr3t-value?key=s3cr3t-value", Answer(body=body), Answer(status=500))
    await site.add(url=site.origin.url("/p/${DW_TOKEN}?key=${DW_TOKEN}"))
    with capture_logs() as logs:
        async with site.poller():
            await site.until(has(Failed, 2))
    records: list[Record] = []
    for topic in TOPICS:
        records += [record async for record in snapshot(site.log, topic.name)]
    assert len(records) > 3
    assert all(b"s3cr3t" not in (record.value or b"") for record in records)
    assert "s3cr3t" not in repr(logs)


async def test_a_record_that_is_no_feed_goes_to_the_dead_letters_and_stops_nothing(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    async with site.poller():
        await site.log.append([Outgoing(topic=TOPICS.feeds, key="odd", value=b'{"id": 7}')])
        await site.add()
        await site.until(has(Document))
    dead = [record async for record in snapshot(site.log, TOPICS.dead_letters)]
    assert [(record.key, record.value) for record in dead] == [("odd", b'{"id": 7}')]


async def test_a_kill_between_any_two_writes_loses_no_change(site: Deployment) -> None:
    """The process is dropped at many points; what was published meanwhile is seen by the next one."""
    versions = [page(*[f"entry {n}" for n in range(count)], etag=f'"{count}"') for count in range(1, 13)]
    await site.add(min_interval=0.005, max_interval=0.005)
    for number, version in enumerate(versions):
        site.origin.serve("/feed", version)
        async with net.make_session(CONFIG.fetch) as session:
            task = asyncio.create_task(service.run(site.log, TOPICS, CONFIG, session=session))
            if number % 3 == 2:
                await site.until(shows(number + 1))
            else:
                await site.origin.wait_for("/feed", len(site.origin.requests) + 1)
                for _ in range(number):
                    await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    async with site.poller():
        seen = await site.until(lambda seen: has(Document)(seen) and isinstance(seen[-1], Unchanged))
    documents = [one for one in seen if isinstance(one, Document)]
    assert len(texts(documents[-1])) == 12
    assert len({document.digest for document in documents}) == len(documents)
    state = await site.state()
    assert state is not None
    assert (state.digest, state.etag) == (documents[-1].digest, '"12"')


async def test_the_number_of_feeds_in_each_state_is_measured(site: Deployment) -> None:
    from deltawire.telemetry import registry as metrics

    site.origin.serve("/feed", page("a"))
    site.origin.serve("/bad", Answer(status=404))
    await site.add()
    await site.add("bad", site.origin.url("/bad"))
    await site.add("idle", site.origin.url("/idle"), paused=True)

    def number(state: str) -> float | None:
        return metrics.get_sample_value("deltawire_feeds", {"state": state})

    async with site.poller():
        await site.until(has(Document))
        await site.until(has(Failed, 2), "bad")
        assert (number("ok"), number("failing"), number("paused"), number("new")) == (1, 1, 1, 0)
    assert (number("ok"), number("failing"), number("paused")) == (0, 0, 0)
