"""A feed that costs too much, among others, in the running poller."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest

from deltawire.model import Document, Failed
from deltawire.poller import workers
from deltawire.poller.reader import Bounds
from poller.test_guard import PATIENCE, SLOPPY, counted, ended, many
from support.origin import Answer
from support.polling import Deployment, has, page


def read_so_far() -> float:
    """Documents that this process has read, or had read."""
    return sum(counted("readings", where=where) for where in ("loop", "thread", "worker"))


def reader_processes() -> list[int]:
    """The children of this process that read."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    found = []
    for pid in children:
        with suppress(FileNotFoundError, ProcessLookupError):  # one that was killed may go at any moment
            if b"deltawire.poller.reader" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
    return found


async def test_a_bomb_is_one_failed_look_that_says_why_while_others_are_read(
    site: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "Bounds", lambda: Bounds(cpu=1, wall=PATIENCE))
    site.origin.serve("/bomb", Answer(body=many(19_000)))
    site.origin.serve("/sloppy", Answer(body=SLOPPY))
    site.origin.serve("/healthy", page("one"))

    async with site.poller():
        await site.add("bomb", site.origin.url("/bomb"))
        await site.origin.wait_for("/bomb", 1)
        for name in ("sloppy", "healthy"):
            await site.add(name, site.origin.url(f"/{name}"))
            await site.until(has(Document), name)
        failed = (await site.until(has(Failed), "bomb"))[0]
        pids = reader_processes()
        assert pids
    assert isinstance(failed, Failed)
    assert (failed.cause, failed.attempts) == ("too-expensive", 1)
    assert failed.detail == "reading the document took more than 1 s of CPU time"
    await ended(*pids)


async def test_a_document_that_is_refused_and_stands_is_read_once_and_its_successor_at_the_next_look(
    site: Deployment,
) -> None:
    before = read_so_far()
    site.origin.serve("/page", Answer(body=b"<html><p>Nothing is written here.</html>", content_type="text/html"))

    async with site.poller():
        await site.add("page", site.origin.url("/page"))
        seen = await site.until(has(Failed, 4), "page")
        assert read_so_far() == before + 1
        failed = [one for one in seen if isinstance(one, Failed)]
        assert len({(one.cause, one.detail) for one in failed}) == 1
        assert [one.attempts for one in failed[:4]] == [1, 2, 3, 4]
        site.origin.serve("/page", page("one"))
        await site.until(has(Document), "page")
    assert read_so_far() == before + 2
