"""The poller when it is stopped, killed, or cannot write; and what it lets out: logs, secrets, numbers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire import net
from deltawire.log.partitioner import partition_for_key
from deltawire.log.port import Outgoing, Record, snapshot
from deltawire.model import (
    Document,
    Failed,
    Unchanged,
)
from deltawire.poller import service
from deltawire.telemetry import registry as metrics
from support import origin as sites
from support.flaky_log import FlakyLog
from support.origin import Answer, Origin
from support.polling import CONFIG, OWED, TOPICS, Busy, Deployment, Failing, blog, has, page, shows, texts
from support.waiting import eventually, running


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
            await asyncio.wait_for(task, 60)
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
        await site.until(has(Unchanged, OWED))
        await site.origin.wait_for("/feed", OWED + 6)
    assert written == [[TOPICS.observations, TOPICS.fetch_state]] * (1 + OWED)


async def test_state_changes_and_only_they_are_warnings_that_say_what_to_do(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"), *[Answer(status=404)] * 5, page("a"))
    await site.add()
    with capture_logs() as logs:
        async with site.poller():
            await site.until(lambda seen: has(Failed, 5)(seen) and isinstance(seen[-1], Unchanged))
            await asyncio.sleep(0)
    warnings = [line for line in logs if line["log_level"] == "warning"]
    assert [(line["event"], line["from"], line["to"], line["attempts"]) for line in warnings] == [
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


async def test_a_record_that_comes_while_the_feeds_are_being_read_is_met_once(site: Deployment) -> None:
    site.origin.serve("/feed", page("a"))
    log = Busy(site.log, Outgoing(topic=TOPICS.feeds, key="odd", value=b'{"id": 7}', partition=0))
    feed_id = next(id_ for id_ in ("harbour", "quay", "pier", "dock", "mole") if not partition_for_key(id_, 2))
    async with net.make_session(CONFIG.fetch) as session, running(service.run(log, TOPICS, CONFIG, session=session)):
        await log.told.wait()
        await site.add(feed_id)
        await site.until(has(Document), feed_id)
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
    site.origin.serve("/feed", page("a"))
    site.origin.serve("/bad", Answer(status=404))
    await site.add()
    await site.add("bad", site.origin.url("/bad"))
    await site.add("idle", site.origin.url("/idle"), paused=True)

    def number(state: str) -> float | None:
        return metrics.get_sample_value("deltawire_feeds", {"state": state})

    async def counted() -> bool:
        return (number("ok"), number("failing"), number("paused"), number("new")) == (1, 1, 1, 0)

    async with site.poller():
        await site.until(has(Document))
        await site.until(has(Failed, 2), "bad")
        # The observation is there before the state that it led to is counted.
        await eventually(counted)
    assert (number("ok"), number("failing"), number("paused")) == (0, 0, 0)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_on_a_log_at_its_worst_every_feed_is_followed_to_its_last_change(tmp_path: Path, seed: int) -> None:
    async with Origin() as origin:
        deployment = Deployment(tmp_path / "log.db", origin)
        flaky = await FlakyLog.open(deployment.path, TOPICS, seed=seed)
        deployment.log = flaky.inner
        try:
            ids = [f"feed-{number}" for number in range(6)]
            for feed_id in ids:
                steps = [page(*[f"entry {n}" for n in range(count)], etag=f'"{count}"') for count in range(1, 6)]
                origin.serve(f"/{feed_id}", *[step for step in steps for _ in range(4)])
                await deployment.add(feed_id, origin.url(f"/{feed_id}"))
            async with (
                net.make_session(CONFIG.fetch) as session,
                running(service.run(flaky, TOPICS, CONFIG, session=session)),
            ):
                for feed_id in ids:
                    seen = await deployment.until(
                        lambda seen: shows(5)(seen) and isinstance(seen[-1], Unchanged), feed_id
                    )
                    began = [one.began_at for one in seen]
                    assert began == sorted(began)
                    assert set(origin.peak.values()) == {1}
        finally:
            await flaky.close()
