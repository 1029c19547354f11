from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from deltawire import telemetry
from deltawire.gateway import hub, stream
from deltawire.gateway.cursor import decode_positions, encode_positions
from deltawire.log.port import Outgoing
from gateway.rig import TOPICS, Desk, Listener, desk
from support.samples import entry_event, feed_event, feed_info
from support.waiting import eventually, running


@pytest.fixture(params=[(1, 0), (3, 2)], ids=["one-partition", "three-partitions-with-holes"])
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    partitions, gap = request.param
    async with desk(tmp_path, partitions=partitions, gap=gap) as made:
        await made.serve()
        yield made


@asynccontextmanager
async def one(folder: Path, **options: float) -> AsyncIterator[Desk]:
    async with desk(folder) as made:
        await made.serve(**options)  # type: ignore[arg-type]
        yield made


def subscribers() -> float:
    return telemetry.registry.get_sample_value("deltawire_stream_subscribers") or 0


async def until_subscribers(count: int) -> None:
    async def that_many() -> bool:
        return subscribers() == count

    await eventually(that_many)


@contextmanager
def idle_subscriber(rig: Desk, path: str) -> Iterator[None]:
    """A subscriber that asks and then reads nothing at all."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", int(rig.url.rpartition(":")[2])))
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        yield


async def test_a_stream_without_an_id_begins_at_the_end(rig: Desk) -> None:
    await rig.publish(entry_event("created", 1, "before"))
    async with rig.listen() as listener:
        assert listener.retry == "3000"
        event = entry_event("created", 2, "after", text="zwei\nZeilen — “x”")
        await rig.publish(event)
        kind, data = await listener.event()
        assert kind == "deltawire.entry.created"
        assert data["id"] == event.id
        assert data["data"]["entry"]["content_text"] == "zwei\nZeilen — “x”"
        assert (data["specversion"], data["sequence"], data["backfill"]) == ("1.0", "0" * 19 + "2", False)


async def test_feed_events_are_streamed_too(rig: Desk) -> None:
    async with rig.listen() as listener:
        await rig.publish(feed_event("failing", 1))
        kind, data = await listener.event()
        assert (kind, data["data"]["feed"]["id"]) == ("deltawire.feed.failing", "harbour")


async def test_a_stream_can_name_a_series(rig: Desk) -> None:
    async with rig.listen(feed="sea") as listener:
        monday, other = feed_info("monday", series="sea"), feed_info("hills", series="land")
        await rig.publish(entry_event("created", 1, feed=other), entry_event("created", 1, feed=monday))
        assert (await listener.event())[1]["data"]["feed"]["id"] == "monday"


async def test_from_beginning_replays_everything_and_goes_on_live(rig: Desk) -> None:
    await rig.publish(*(entry_event("created", n, f"e{n}") for n in range(1, 1200)), stored=False)
    async with rig.listen(**{"from": "beginning"}) as listener:
        assert await listener.ids(1199) == [f"harbour/a/{n}" for n in range(1, 1200)]
        await rig.publish(entry_event("created", 1200, "live"), stored=False)
        assert await listener.ids(1) == ["harbour/a/1200"]


@pytest.mark.parametrize("wanted", [(), ("f1",)], ids=["all-feeds", "one-feed"])
async def test_reconnections_at_any_moment_lose_and_double_nothing(
    rig: Desk, wanted: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writers go on while one reader is cut off again and again and resumes with the last id it was given."""
    monkeypatch.setattr(hub, "CLOSE_ENOUGH", 5)  # joins in every way: far behind, near, ahead
    dice = random.Random(7)
    feeds = ("f1", "f2", "f3")
    total = 400
    sequences = dict.fromkeys(feeds, 0)

    async def write() -> None:
        while sum(sequences.values()) < total:
            batch = []
            for _ in range(dice.randint(1, 20)):
                feed = dice.choice(feeds)
                sequences[feed] += 1
                batch.append(entry_event("created", sequences[feed], f"e{sequences[feed]}", feed=feed))
            await rig.publish(*batch, stored=False)
            await asyncio.sleep(0)

    async with rig.listen() as listener:
        last_id = listener.last_id
    writer = asyncio.create_task(write())
    got: list[str] = []

    def complete() -> bool:
        expected = sum(n for feed, n in sequences.items() if not wanted or feed in wanted)
        return writer.done() and len(got) >= expected

    connections = 0
    async with asyncio.timeout(60):
        while not complete():
            connections += 1
            async with rig.listen(last_id, **({"feed": wanted[0]} if wanted else {})) as listener:
                for _ in range(dice.randint(1, 15)):
                    try:
                        got.append((await listener.event(seconds=0.3))[1]["id"])
                    except TimeoutError:
                        break
                    last_id = listener.last_id
    await writer
    for feed in wanted or feeds:
        mine = [event for event in got if event.startswith(f"{feed}/")]
        assert mine == [f"{feed}/a/{n}" for n in range(1, sequences[feed] + 1)]
    assert len(got) == sum(n for feed, n in sequences.items() if not wanted or feed in wanted)
    assert connections > 5


def test_what_both_readers_supply_is_sent_once() -> None:
    """The tail may be behind a reader that has just replayed."""
    one = stream.Stream({0: 5}, frozenset())
    items = [hub.Item(0, offset, "harbour", b"event: x\ndata: {}\n\n") for offset in (4, 5, 7)]
    assert one.take(items).count(b"data:") == 2
    assert one.take(items[1:]) == b""
    assert one.positions == {0: 8}


async def test_what_is_written_during_a_replay_comes_behind_it(tmp_path: Path) -> None:
    """The tail runs ahead while a subscriber still replays: it joins where it is, not where the tail is."""
    async with desk(tmp_path) as rig:
        await rig.publish(*(entry_event("created", n, f"e{n}") for n in range(1, 1201)), stored=False)
        tail = hub.Hub(rig.log, TOPICS.events, lambda _: None)
        async with running(tail.run()):
            await tail.ready.wait()
            replay = tail.follow({0: 0}, timeout=10, on_drop=lambda: None)
            offsets = [item.offset for item in await anext(replay)]
            await rig.publish(*(entry_event("created", n, f"e{n}") for n in range(1201, 3001)), stored=False)

            async def ahead() -> bool:
                return tail.positions == {0: 3000}

            await eventually(ahead)
            while offsets[-1] < 2999:
                offsets += [item.offset for item in await anext(replay) if item.offset > offsets[-1]]
            await replay.aclose()
        assert offsets == list(range(3000))


async def test_the_header_counts_more_than_the_address(rig: Desk) -> None:
    """A browser that reconnects sends the header to the address that it first used."""
    async with rig.listen() as listener:
        first = listener.last_id
        await rig.publish(entry_event("created", 1), entry_event("created", 2, "e2"))
        await listener.event()
        second = listener.last_id
    async with rig.listen(second, lastEventId=first) as listener:
        assert await listener.ids(1) == ["harbour/a/2"]


async def test_the_position_moves_over_filtered_events(tmp_path: Path) -> None:
    async with one(tmp_path, heartbeat=0.05) as rig, rig.listen(feed="harbour") as listener:
        before = listener.last_id
        await rig.publish(entry_event("created", 1, feed="other"))
        async with asyncio.timeout(60):
            while listener.last_id == before:
                assert "data" not in (await listener.block() or {})
        assert decode_positions(listener.last_id) == {0: 1}


async def test_many_filtered_events_move_the_position_without_waiting_for_silence(tmp_path: Path) -> None:
    async with one(tmp_path) as rig, rig.listen(feed="harbour") as listener:
        await rig.publish(*(entry_event("created", n, f"e{n}", feed="other") for n in range(1, 700)), stored=False)
        async with asyncio.timeout(60):
            while not listener.last_id or decode_positions(listener.last_id) == {0: 0}:
                await listener.block()
        assert decode_positions(listener.last_id)[0] > stream.SKIPPED_LIMIT


async def test_a_silent_stream_carries_heartbeats(tmp_path: Path) -> None:
    async with one(tmp_path, heartbeat=0.02) as rig, rig.listen() as listener:
        async with asyncio.timeout(60):
            while listener.comments < 3:
                assert "data" not in (await listener.block() or {})


async def test_a_position_that_retention_passed_is_told_as_a_gap(rig: Desk) -> None:
    await rig.publish(entry_event("created", 1))
    async with rig.listen(**{"from": "beginning"}) as listener:
        start = listener.last_id
    await rig.log.maintain(datetime.now(UTC) + timedelta(days=31))
    await rig.publish(entry_event("created", 2, "kept"))
    async with rig.listen(start) as listener:
        kind, gap = await listener.event()
        assert kind == "deltawire.gap"
        assert gap["missing"][0]["asked"] < gap["missing"][0]["oldest"]
        assert await listener.ids(1) == ["harbour/a/2"]


async def test_a_position_beyond_the_end_is_told_as_a_gap(rig: Desk) -> None:
    await rig.publish(entry_event("created", 1))
    bounds = await rig.log.bounds(TOPICS.events)
    async with rig.listen(encode_positions({p: end + 1000 for p, (_, end) in bounds.items()})) as listener:
        assert (await listener.event())[0] == "deltawire.gap"
        assert await listener.ids(1) == ["harbour/a/1"]


async def test_a_record_that_is_no_event_is_passed_over_and_counted(tmp_path: Path) -> None:
    async with one(tmp_path) as rig, rig.listen() as listener:
        labels = {"service": "gateway", "reason": "undecodable"}
        before = telemetry.registry.get_sample_value("deltawire_dead_letters_total", labels) or 0
        await rig.log.append([Outgoing(topic=TOPICS.events, key="x", value=b"{}", headers={"ce_type": "nonsense"})])
        await rig.publish(entry_event("created", 1), stored=False)
        assert await listener.ids(1) == ["harbour/a/1"]
        assert telemetry.registry.get_sample_value("deltawire_dead_letters_total", labels) == before + 1


async def test_events_of_types_that_came_later_are_passed_over_quietly(tmp_path: Path) -> None:
    unknown = [
        Outgoing(topic=TOPICS.events, key="harbour", value=b"{}", headers={"ce_type": type_})
        for type_ in ("deltawire.entry.moved", "deltawire.story.started")
    ]
    with capture_logs() as lines:
        async with one(tmp_path) as rig, rig.listen() as listener:
            labels = {"service": "gateway"}
            before = telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) or 0
            await rig.log.append(unknown)
            await rig.publish(entry_event("created", 1), stored=False)
            assert await listener.ids(1) == ["harbour/a/1"]
            assert telemetry.registry.get_sample_value("deltawire_skipped_events_total", labels) == before + 2
    assert [line["log_level"] for line in lines if line["event"].startswith("gateway.")] == ["debug"] * 2


async def test_open_streams_are_counted(tmp_path: Path) -> None:
    before = subscribers()
    async with one(tmp_path) as rig:
        async with rig.listen(), rig.listen():
            await until_subscribers(int(before) + 2)
        await until_subscribers(int(before))


async def test_a_subscriber_who_takes_nothing_is_dropped_and_can_resume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BUFFER_BYTES", 256 * 1024)
    long = "Long is the way. " * 2500
    async with one(tmp_path) as rig:
        before = subscribers()
        with capture_logs() as logs, idle_subscriber(rig, "/api/events"):
            await until_subscribers(int(before) + 1)
            async with rig.listen() as quick:
                for n in range(1, 121):
                    await rig.publish(entry_event("created", n, f"e{n}", text=long), stored=False)
                    assert await quick.ids(1) == [f"harbour/a/{n}"]
            await until_subscribers(int(before))
        (dropped,) = [line for line in logs if line["event"] == "stream.closed" and line["outcome"] == "dropped"]
        async with rig.listen(dropped["last_id"]) as listener:
            sent = decode_positions(dropped["last_id"])[0]
            assert sent < 120
            assert await listener.ids(1) == [f"harbour/a/{sent + 1}"]


async def test_a_write_that_stalls_ends_the_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while it is replayed from a reader of its own, where no buffer can overflow."""
    monkeypatch.setattr(stream, "WRITE_TIMEOUT", 0.2)
    async with one(tmp_path) as rig:
        long = "Long is the way. " * 2500
        await rig.publish(*(entry_event("created", n, f"e{n}", text=long) for n in range(1, 100)), stored=False)
        with capture_logs() as logs, idle_subscriber(rig, "/api/events?from=beginning"):

            async def closed() -> bool:
                return any(line["event"] == "stream.closed" for line in logs)

            await eventually(closed)
        assert [line["outcome"] for line in logs if line["event"] == "stream.closed"] == ["dropped"]


async def test_live_streams_share_one_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with one(tmp_path) as rig:
        async with rig.listen() as first:
            opened: list[str] = []
            real = rig.log.reader

            async def counted(topic: str, positions: dict[int, int]) -> object:
                opened.append(topic)  # the page's view of the feeds polls topics of its own meanwhile
                return await real(topic, positions)

            monkeypatch.setattr(rig.log, "reader", counted)
            async with rig.listen() as second, rig.listen() as third:
                await rig.publish(entry_event("created", 1), stored=False)
                for listener in (first, second, third):
                    assert await listener.ids(1) == ["harbour/a/1"]
        assert TOPICS.events not in opened


async def test_the_end_of_the_gateway_ends_the_streams(tmp_path: Path) -> None:
    async with one(tmp_path) as rig, rig.listen() as listener:
        await rig.stop()
        assert await ended(listener)


async def ended(listener: Listener) -> bool:
    async with asyncio.timeout(60):
        while await listener.block() is not None:
            pass
    return True
