"""A second process on a log, for the tests. One JSON line on stdout for each thing that it did.

own PATH            own the log until stdin ends
fork PATH           the same, with a forked child that outlives it for a minute
guest PATH          each line of stdin is appended to events
tail PATH COUNT     read that many events from the beginning on
commit PATH         own the log and commit 1, 2, 3, … to three topics each, until killed
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import orjson

from deltawire.log.engines import open_log
from deltawire.log.port import Outgoing
from deltawire.log.topics import Topics

TOPICS = Topics()


def say(**fields: object) -> None:
    print(orjson.dumps(fields).decode(), flush=True)


async def main(mode: str, path: str, *rest: str) -> None:
    log = await open_log(f"sqlite:///{path}", TOPICS, role="owner" if mode in ("own", "fork", "commit") else "guest")
    say(ready=True)
    if mode == "fork" and os.fork() == 0:
        say(child=os.getpid())
        os.close(0)
        os.close(1)
        time.sleep(60)  # noqa: ASYNC251 - the child has nothing else to do
        os._exit(0)
    if mode in ("own", "fork"):
        await asyncio.to_thread(sys.stdin.read)
    elif mode == "guest":
        while line := await asyncio.to_thread(sys.stdin.readline):
            await log.append([Outgoing(topic=TOPICS.events, key="k", value=line.strip().encode())])
            say(appended=line.strip())
    elif mode == "tail":
        reader = await log.reader(TOPICS.events, {0: 0})
        left = int(rest[0])
        while left:
            for record in await reader.poll(timeout=30):
                say(value=(record.value or b"").decode())
                left -= 1
    elif mode == "commit":
        writer = await log.writer("w")
        for number in range(1, 1_000_000):
            value = b"%d" % number + bytes(number % 7 * 3000)
            await writer.commit(
                [
                    Outgoing(topic=topic, key="k", value=value)
                    for topic in (TOPICS.events, TOPICS.entries, TOPICS.events, TOPICS.differ_state)
                ]
            )
            say(acknowledged=number)
    await log.close()
    say(closed=True)


if __name__ == "__main__":
    assert Path(sys.argv[2]).is_absolute()
    asyncio.run(main(*sys.argv[1:]))
