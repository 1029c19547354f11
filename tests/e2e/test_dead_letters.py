"""What cannot be processed, seen from outside: the commands beside a running process, and the fuse."""

from __future__ import annotations

from pathlib import Path

import orjson

from deltawire.log.port import Outgoing
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from e2e.deployment import HEAD, Deployment, deployed
from support.waiting import eventually

TOPICS = Topics()
BAD = b'{"kind":"rumour"}'


async def wait_for_letters(folder: Path, count: int) -> None:
    async def written() -> bool:
        return folder.joinpath("run.log").read_bytes().count(b'"record.dead_letter"') >= count

    await eventually(written)


async def put_bad_looks(folder: Path, count: int) -> None:
    log = await SqliteLog.open(folder / "log.db", TOPICS)
    await log.append([Outgoing(topic=TOPICS.observations, key="blog", value=BAD)] * count)
    await log.close()


async def shown(deployment: Deployment) -> list[dict[str, object]]:
    status, out, err = await deployment.command("dead-letters", "list", "--json")
    assert (status, err) == (0, "")
    return [orjson.loads(line) for line in out.splitlines()]


async def test_a_dead_letter_is_listed_shown_and_redriven_beside_the_running_process(tmp_path: Path) -> None:
    await put_bad_looks(tmp_path, 1)
    async with deployed(tmp_path, HEAD) as deployment:
        await deployment.start()
        await wait_for_letters(tmp_path, 1)
        (letter,) = await shown(deployment)
        assert (letter["service"], letter["topic"], letter["key"]) == ("differ", TOPICS.observations, "blog")
        status, out, err = await deployment.command("dead-letters", "show", str(letter["id"]))
        assert (status, err) == (0, "")
        assert out.endswith(f"\n\n{BAD.decode()}\n")
        assert (await deployment.command("dead-letters", "redrive", "--all"))[0] == 0
        await wait_for_letters(tmp_path, 2)
        assert [bool(one["redriven_at"]) for one in await shown(deployment)] == [True, False]
        status, _, err = await deployment.command("dead-letters", "redrive", str(letter["id"]))
        assert status == 1
        assert "it was redriven at" in err
        assert await deployment.stop() == 0


async def test_a_blown_fuse_ends_the_process_with_status_1_and_one_sentence(tmp_path: Path) -> None:
    await put_bad_looks(tmp_path, 3)
    config = f"{HEAD}[dead_letters]\nmax_consecutive = 2\n"
    async with deployed(tmp_path, config) as deployment:
        for _ in range(2):
            status, _, err = await deployment.command("run")
            assert status == 1
            assert err.splitlines()[-1].startswith("deltawire run: differ: deltawire.observations.v1 partition ")
            assert "3 records in a row could not be processed" in err.splitlines()[-1]
        assert await shown(deployment) == []
