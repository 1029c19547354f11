"""``deltawire feeds`` and ``explain`` on series, as somebody types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import orjson
import pytest

from deltawire import wanted
from deltawire.cli.main import main
from deltawire.log.port import Outgoing
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Feed
from deltawire.poller_state import SeriesState

HEAD = '[log]\nurl = "sqlite:///log.db"\n'
SERIES = '[[series]]\nid = "europe"\nurl = "https://news.test/europe"\nmatch = "Europe live"\n'


@pytest.fixture
async def followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration file; the log beside it knows a series with one blog."""
    monkeypatch.chdir(tmp_path)
    topics = Topics()
    log = await SqliteLog.open(Path("log.db"), topics)
    state = SeriesState(url="https://news.test/europe", outcome="ok")
    await log.append([Outgoing(topic=topics.series, key="europe", value=msgspec.json.encode(state))])
    feed = Feed(id="europe-2026-03-01", url="https://news.test/1", series="europe", generation="1")
    await wanted.write(log, topics, [feed])
    await log.close()
    path = tmp_path / "deltawire.toml"
    path.write_text(HEAD + SERIES, encoding="utf-8")
    return path


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, arguments)


async def test_a_series_is_listed_with_its_blogs_and_not_forgotten_while_it_is_configured(
    followed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run("feeds", "list") == 0
    assert "ok: 1 blog, the newest europe-2026-03-01\n" in capsys.readouterr().out
    assert await run("feeds", "list", "--json") == 0
    feed, series = map(orjson.loads, capsys.readouterr().out.splitlines())
    assert (feed["kind"], feed["series"]) == ("feed", "europe")
    assert (series["kind"], series["id"], series["health"], series["feeds"]) == ("series", "europe", "ok", [feed["id"]])
    assert await run("feeds", "remove", "europe") == 1
    assert "europe is a series that deltawire.toml names: remove it there" in capsys.readouterr().err


async def test_a_series_that_is_no_longer_configured_is_told_and_can_be_forgotten(
    followed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await asyncio.to_thread(followed.write_text, HEAD, encoding="utf-8")
    assert await run("feeds", "list") == 0
    assert "unconfigured: 1 blog, the newest europe-2026-03-01; deltawire.toml does" in capsys.readouterr().out
    assert await run("feeds", "remove", "europe") == 0
    forgotten = "the series europe is forgotten; its feeds are followed as before: europe-2026-03-01\n"
    assert capsys.readouterr().out == forgotten
    assert await run("feeds", "list") == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("europe-2026-03-01 ")
    assert await run("feeds", "remove", "europe") == 1
    assert "there is no feed 'europe'" in capsys.readouterr().err


async def test_explain_names_the_feeds_of_a_series(followed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run("explain", "--feed", "europe") == 1
    assert "europe is a series; name one of its feeds: europe-2026-03-01\n" in capsys.readouterr().err
