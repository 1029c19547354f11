"""A Guardian address, pasted: what is asked for, and what is kept of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import orjson

from deltawire.formats.addresses import fetched
from e2e.deployment import DEADLINE, HEAD, deployed
from formats.docs import block, capi
from support.origin import Answer, Origin

PATH = "/sea/live/2025/mar/03/harbour-storm-live?api-key=secret"


async def test_a_content_api_address_is_asked_for_its_blocks_by_check_and_by_run(tmp_path: Path) -> None:
    body = orjson.dumps(capi(blocks={"body": [block(2), block(1)], "totalBodyBlocks": 2}))
    asked = fetched(f"http://127.0.0.1{PATH}").removeprefix("http://127.0.0.1")
    async with Origin() as origin, deployed(tmp_path, HEAD) as deployment:
        origin.serve(asked, Answer(body=body, content_type="application/json"))
        status, out, err = await deployment.command("check", origin.url(PATH), "--json")
        assert (status, err) == (0, "")
        found = orjson.loads(out)
        assert (found["format"], found["coverage"], len(found["entries"])) == ("guardian-capi", "full", 2)
        await deployment.start(origin.url(PATH))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DEADLINE
        while len(events := [e for e in await deployment.events() if e["type"] == "deltawire.entry.created"]) < 2:
            assert loop.time() < deadline, deployment.log()[-3000:]
        assert {e["data"]["feed"]["url"] for e in events} == {origin.url(PATH).partition("?")[0]}
        assert await deployment.stop() == 0
    assert "secret" not in deployment.log()
    assert {request.path for request in origin.requests} == {asked}
