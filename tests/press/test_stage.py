"""A misbehaving blog over real loopback HTTP, as another system meets it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import aiohttp

from deltawire.press.game import Game
from deltawire.press.server import serve
from deltawire.press.stage import misbehaving

NOW = datetime(2031, 5, 1, 12, tzinfo=UTC)


async def test_each_get_is_a_look_and_events_are_scored() -> None:
    answers = list(Game(1, "rss", ("failures", "stale-days"), steps=4))
    app = misbehaving(Game(1, "rss", ("failures", "stale-days"), steps=4, clock=lambda: NOW))
    async with serve(app) as address, aiohttp.ClientSession() as client:
        for answer in answers:
            async with client.get(f"{address}/feed") as response:
                assert (response.status, await response.read()) == (answer.status, answer.body)
                assert response.headers.get("Age") == answer.headers.get("Age")
                age = timedelta(seconds=int(response.headers.get("Age", 0)))
                assert abs(parsedate_to_datetime(response.headers["Date"]) + age - NOW) <= timedelta(seconds=1)
        async with client.get(f"{address}/control/truth") as response:
            before = await response.json()
        async with client.get(f"{address}/feed") as response:
            assert await response.read() == answers[-1].body
        async with client.get(f"{address}/control/truth") as response:
            truth = await response.json()
        assert (before["finished"], truth["finished"], truth["look"]) == (False, True, len(answers))
        lines = []
        for fact in truth["facts"]:
            state = fact["new"] or fact["old"]
            event = {"kind": fact["kind"], "entry": fact["post"], "title": state["title"], "text": state["text"]}
            lines.append(json.dumps(event | {"labels": state["labels"]}))
        for sent, f1_is_one in ((lines, True), (lines[:-1], False)):
            async with client.post(f"{address}/control/score", data="\n".join(sent)) as response:
                report = await response.json()
                assert (report["f1"] == 1, not report["defects"]) == (f1_is_one, f1_is_one)
        async with client.post(f"{address}/control/score", data='{"kind": "created"}') as response:
            assert response.status == 400
            assert "kind, entry, title and text" in await response.text()


async def test_a_blog_without_headers_has_none_over_http_either() -> None:
    app = misbehaving(Game(1, "rss", ("stale-silent",), steps=1))
    async with serve(app) as address, aiohttp.ClientSession() as client, client.get(f"{address}/feed") as response:
        assert not {"Date", "Age", "ETag", "Last-Modified"} & set(response.headers)
