"""``deltawire feeds add`` and ``check`` on pages, as somebody types them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deltawire import wanted
from deltawire.cli.main import main
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Feed
from support.origin import Answer, Origin
from support.polling import page

CONFIG = '[log]\nurl = "sqlite:///log.db"\n[fetch]\nallow_private_networks = true\n'


@pytest.fixture
async def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Origin]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deltawire.toml").write_text(CONFIG, encoding="utf-8")
    async with Origin() as site:
        site.serve("/feed", page("a"))
        yield site


def html(*feeds: str) -> Answer:
    links = "".join(f'<link rel="alternate" type="application/rss+xml" href="{feed}">' for feed in feeds)
    return Answer(body=f"<!doctype html><html><head>{links}</head><body>News</body></html>".encode())


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, arguments)


async def added() -> list[Feed]:
    log = await SqliteLog.open(Path("log.db"), Topics())
    try:
        return list((await wanted.read(log, Topics())).values())
    finally:
        await log.close()


async def test_a_page_with_one_feed_stands_for_it(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    origin.serve("/page", html("/feed"))
    assert await run("feeds", "add", origin.url("/page")) == 0
    out, err = capsys.readouterr()
    (feed,) = await added()
    assert (out, feed.url) == (f"{feed.id}\n", origin.url("/feed"))
    assert err == f"{origin.url('/page')} is a page, no live blog; {origin.url('/feed')} (RSS) is followed instead\n"


async def test_a_page_with_several_asks_which(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    origin.serve("/page", html("/feed", "/comments"))
    assert await run("feeds", "add", origin.url("/page")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        f"points to {origin.url('/feed')} (RSS) and to {origin.url('/comments')} (RSS): add the one that is meant"
    )
    assert await added() == []


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("/feed", [], ""),
        ("/page", ["--as-given"], ""),
        ("/page", ["--format", "jsonld"], ""),
        ("/nothing", [], "is followed, but cannot be fetched now: 127.0.0.1 answered 404 Not Found"),
        ("/bare", [], "is followed, but cannot be read now"),
    ],
)
async def test_what_is_given_is_followed_where_nothing_else_is_offered(
    origin: Origin, capsys: pytest.CaptureFixture[str], path: str, options: list[str], said: str
) -> None:
    origin.serve("/page", html("/feed"))
    origin.serve("/bare", html())
    assert await run("feeds", "add", origin.url(path), *options) == 0
    err = capsys.readouterr().err
    assert (said in err) if said else (err == "")
    assert [feed.url for feed in await added()] == [origin.url(path)]


async def test_an_id_that_is_taken_is_told_before_the_address_is_asked(
    origin: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    origin.serve("/bare", html())
    assert await run("feeds", "add", origin.url("/bare")) == 0
    capsys.readouterr()
    assert await run("feeds", "add", origin.url("/bare")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "is already followed" in line


async def test_check_names_what_a_page_points_to(origin: Origin, capsys: pytest.CaptureFixture[str]) -> None:
    origin.serve("/page", html("/feed"))
    assert await run("check", origin.url("/page")) == 1
    assert f"points to {origin.url('/feed')} (RSS)" in capsys.readouterr().err


async def test_check_says_what_to_do_about_a_document_that_cannot_be_read(
    origin: Origin, capsys: pytest.CaptureFixture[str]
) -> None:
    origin.serve("/bare", html())
    assert await run("check", origin.url("/bare")) == 1
    assert "[not-a-live-blog]. What to do: give the address of a live blog" in capsys.readouterr().err
