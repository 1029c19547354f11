"""The origin over real loopback HTTP, and the module as a process of its own."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import feedparser
import pytest

from deltawire.press.chance import Publisher
from deltawire.press.facts import fact_from_json
from deltawire.press.play import RENDER_EVERY, chance, stories
from deltawire.press.render import FORMATS
from deltawire.press.server import serve
from deltawire.press.story import STORIES, load
from deltawire.press.truth import compare
from press.history import events_of

BEGAN = datetime(2026, 1, 22, 12, tzinfo=UTC)


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = BEGAN

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False, skip_auto_headers=["Accept-Encoding"]) as session:
        yield session


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def origin(clock: Hands) -> AsyncIterator[str]:
    told = [load(key) for key in STORIES]
    async with serve(stories(told, speed=60, began=BEGAN, clock=clock)) as address:
        yield address


async def test_the_index_lists_every_story_in_every_format(client: aiohttp.ClientSession, origin: str) -> None:
    async with client.get(origin) as answer:
        index = await answer.text()
    for key in STORIES:
        for form in FORMATS.values():
            assert f'href="/{key}{form.suffix}"' in index
            async with client.get(f"{origin}/{key}{form.suffix}") as answer:
                assert answer.status == 200
                assert answer.headers["Content-Type"] == form.content_type


async def test_an_unchanged_page_is_answered_with_304(client: aiohttp.ClientSession, origin: str) -> None:
    async with client.get(f"{origin}/harbour.rss") as answer:
        first = answer.headers
        assert first["Cache-Control"] == "no-cache"
        assert parsedate_to_datetime(first["Last-Modified"]) == BEGAN
        assert abs(parsedate_to_datetime(first["Date"]) - datetime.now(UTC)) < timedelta(minutes=1)
    for headers in (
        {"If-None-Match": first["ETag"]},
        {"If-None-Match": f'"other", W/{first["ETag"]}'},
        {"If-None-Match": first["ETag"], "Accept-Encoding": "gzip"},
        {"If-None-Match": first["ETag"][:-1] + '-gzip"'},
        {"If-Modified-Since": first["Last-Modified"]},
    ):
        async with client.get(f"{origin}/harbour.rss", headers=headers) as answer:
            assert answer.status == 304
            assert await answer.read() == b""
            assert answer.headers["ETag"].strip('"').removesuffix("-gzip") == first["ETag"].strip('"')


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"other"'},
        {"If-Modified-Since": format_datetime(BEGAN - timedelta(seconds=1), usegmt=True)},
        {"If-None-Match": '"other"', "If-Modified-Since": format_datetime(BEGAN, usegmt=True)},
        {"If-Modified-Since": "yesterday"},
    ],
)
async def test_a_client_without_this_copy_is_given_it(
    client: aiohttp.ClientSession, origin: str, headers: dict[str, str]
) -> None:
    async with client.get(f"{origin}/harbour.rss", headers=headers) as answer:
        assert answer.status == 200
        assert feedparser.parse(await answer.read()).entries


async def test_gzip_is_sent_only_when_asked_for_and_is_another_representation(
    client: aiohttp.ClientSession, origin: str
) -> None:
    async with client.get(f"{origin}/cup.atom", headers={"Accept-Encoding": "identity"}) as answer:
        plain, tag = await answer.read(), answer.headers["ETag"]
        assert "Content-Encoding" not in answer.headers
    async with client.get(f"{origin}/cup.atom", headers={"Accept-Encoding": "gzip, deflate"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["ETag"] != tag
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert gzip.decompress(await answer.read()) == plain


async def test_the_story_plays_at_the_given_speed(client: aiohttp.ClientSession, origin: str, clock: Hands) -> None:
    async def posts() -> int:
        async with client.get(f"{origin}/harbour.json") as answer:
            return len(json.loads(await answer.read())["items"])

    story = load("harbour")
    assert await posts() == 10
    clock.now = BEGAN + timedelta(seconds=60)
    assert await posts() == len(story.after(story.happened(3600)).posts)
    clock.now = BEGAN + timedelta(seconds=story.length / 60)
    assert await posts() == 35
    async with client.get(f"{origin}/harbour/capi.json") as answer:
        content = json.loads(await answer.read())["response"]["content"]
    assert content["fields"]["liveBloggingNow"] == "false"


async def test_a_page_on_which_nothing_happens_is_rendered_anew_now_and_then(
    client: aiohttp.ClientSession, origin: str, clock: Hands
) -> None:
    clock.now = BEGAN + timedelta(hours=1)
    async with client.get(f"{origin}/rail.html") as answer:
        tag, modified = answer.headers["ETag"], answer.headers["Last-Modified"]
    clock.now += timedelta(seconds=RENDER_EVERY)
    async with client.get(f"{origin}/rail.html", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 200
        assert parsedate_to_datetime(answer.headers["Last-Modified"]) > parsedate_to_datetime(modified)


async def test_another_process_can_step_the_random_publisher_and_read_its_truth(client: aiohttp.ClientSession) -> None:
    async with serve(chance(Publisher(4, "rss"))) as address:
        for step in range(1, 31):
            tag = ""
            for _ in range(2):
                async with client.get(f"{address}/feed", headers={"If-None-Match": tag}) as answer:
                    assert answer.status == (304 if tag else 200)
                    tag = answer.headers["ETag"]
            async with client.post(f"{address}/control/step", params={"n": 1, "looks": 2}) as answer:
                told = await answer.json()
            assert [done["number"] for done in told["steps"]] == [step]
            assert (told["step"], told["looks"], told["total_looks"]) == (step, 0, 2 * step)
        async with client.get(f"{address}/control/truth") as answer:
            truth = await answer.json()
    facts = [fact_from_json(record) for record in truth["facts"]]
    assert {fact.kind for fact in facts} == {"created", "updated", "removed", "restored"}
    assert compare(facts, events_of(facts)).ok


async def test_a_step_that_must_be_looked_at_waits_for_the_looks(client: aiohttp.ClientSession) -> None:
    publisher = Publisher(4, "rss")

    async def step() -> Any:
        async with client.post(f"{address}/control/step?looks=1") as answer:
            return await answer.json()

    async with serve(chance(publisher)) as address:
        waiting = asyncio.create_task(step())
        async with client.get(f"{address}/control/truth") as answer:
            assert (await answer.json())["step"] == 0
        async with client.get(f"{address}/feed"):
            pass
        assert (await asyncio.wait_for(waiting, 60))["step"] == 1


async def test_a_step_without_a_number_is_refused_with_a_sentence(client: aiohttp.ClientSession) -> None:
    async with (
        serve(chance(Publisher(4, "rss"))) as address,
        client.post(f"{address}/control/step?n=many") as answer,
    ):
        assert answer.status == 400
        assert "whole numbers" in await answer.text()


@asynccontextmanager
async def module(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deltawire.press", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYTHONWARNINGS": "error"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.parametrize("arguments", [("--speed", "600"), ("--chance", "guardian", "--seed", "3", "--noisy")])
async def test_the_module_prints_where_it_is_and_stops_cleanly(
    client: aiohttp.ClientSession, arguments: tuple[str, ...]
) -> None:
    async with module("--port", "0", *arguments) as process:
        assert process.stdout
        told = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
        async with client.get(told["feeds"][0]) as answer:
            assert answer.status == 200
        assert all(feed.startswith(told["address"] + "/") for feed in told["feeds"])
        process.send_signal(signal.SIGTERM)
        out, errors = await asyncio.wait_for(process.communicate(), 60)
        assert (process.returncode, out, errors) == (0, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (
            ("--chance", "guardian", "--window", "5"),
            "the format 'guardian' shows every post: a window makes no sense there",
        ),
        (("--speed", "0"), "the speed is 0; a story plays only at a speed above 0"),
    ],
)
async def test_the_module_says_what_is_wrong_with_its_arguments(arguments: tuple[str, ...], complaint: str) -> None:
    async with module(*arguments) as process:
        _, errors = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 1
        (line,) = errors.decode().splitlines()
        assert line.startswith("deltawire.press: ")
        assert line.endswith(complaint)
