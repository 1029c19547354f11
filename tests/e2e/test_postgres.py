"""``deltawire run`` with its store in a real PostgreSQL that is killed meanwhile."""

from __future__ import annotations

import asyncio
from pathlib import Path

from deltawire.press.chance import Publisher
from deltawire.press.truth import fold
from e2e.deployment import deployed, press
from e2e.test_exact import agreement
from support.postgres import PASSWORD, URL_PASSWORD, PostgresServer
from support.stores import PostgresEngine
from support.waiting import eventually


async def test_the_store_in_postgresql_is_the_fold_though_the_server_was_killed(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    engine = PostgresEngine(postgres)
    await engine.clear()
    publisher = Publisher(23, "json-feed", noisy=True)
    async with press({"blog": publisher}) as config:
        config = config.replace("sqlite:///store.db", engine.url)
        async with deployed(tmp_path, config) as deployment:
            await deployment.start()
            await publisher.advance(6, looks=2)
            await asyncio.to_thread(postgres.kill)
            await publisher.advance(6, looks=2)
            await asyncio.to_thread(postgres.start)
            await publisher.advance(4, looks=2)
            await publisher.looked(2)
            events = await agreement(deployment, {"blog": publisher})

            async def stored() -> bool:
                return await engine.fetch("SELECT count(*) FROM revisions") == [(len(events),)]

            await eventually(stored)
            expected = sorted(
                (id_, entry["title"], entry["content_text"], entry["content_html"])
                for id_, entry in fold(events).items()
            )
            columns = "entry_id, title, content_text, content_html"
            assert sorted(await engine.fetch(f"SELECT {columns} FROM entries WHERE removed_at IS NULL")) == expected
            status, shown, _ = await deployment.command("config", "show")
            assert status == 0
            assert await deployment.stop() == 0
    for secret in (PASSWORD, URL_PASSWORD):
        assert secret not in deployment.log()
        assert secret not in shown
    assert "worker.failed" in deployment.log()
