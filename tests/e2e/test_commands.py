"""The commands, as somebody types them."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import ClientSession

from deltawire.press.blog import Add, Blog, Edit, apply
from deltawire.press.chance import START, Publisher
from deltawire.press.play import chance
from deltawire.press.render import render
from deltawire.press.server import serve
from e2e.deployment import COMMAND, DEADLINE, HEAD, Deployment, deployed, minds_sigterm
from support.waiting import eventually

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Deployment]:
    """A folder to run commands in; nothing runs there yet."""
    async with deployed(tmp_path, HEAD) as deployment:
        yield deployment


async def until_seen(deployment: Deployment, feed: str, type_: str) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + DEADLINE
    while not any(e["type"] == type_ and e["data"]["feed"]["id"] == feed for e in await deployment.events()):
        assert loop.time() < deadline, deployment.log()[-3000:]


def two_documents(folder: Path) -> None:
    """old.rss and new.rss: one entry edited, one added."""
    blog = Blog(
        key="k",
        title="Storm – live",
        url="https://blog.test/live",
        section="s",
        standfirst="s",
        publication="p",
        modified_at=START,
    )
    blog = apply(blog, Add(post="a", title=None, body=("<p>At least four people were hurt.</p>",), author="A"), START)
    (folder / "old.rss").write_bytes(render(blog, "rss"))
    blog = apply(blog, Edit(post="a", body=("<p>At least six people were hurt.</p>",)), START + MINUTE)
    blog = apply(blog, Add(post="b", title="Road shut", body=("<p>It is.</p>",), author="A"), START + MINUTE)
    (folder / "new.rss").write_bytes(render(blog, "rss"))


async def test_a_url_is_enough(folder: Deployment) -> None:
    (folder.folder / "deltawire.toml").write_text(HEAD.replace('source = "urn:deltawire:test"', ""), encoding="utf-8")
    async with serve(chance(Publisher(3, "atom"))) as address:
        await folder.start(f"{address}/feed")
        await until_seen(folder, "127-0-0-1-feed", "deltawire.entry.created")
        async with ClientSession() as session, session.get(f"{folder.page}api/feeds") as answer:
            assert [feed["id"] for feed in (await answer.json())["feeds"]] == ["127-0-0-1-feed"]
        assert await folder.stop() == 0


async def test_feeds_are_added_paused_resumed_and_removed_while_it_runs(folder: Deployment) -> None:
    async with serve(chance(Publisher(5, "json-feed"))) as address:
        await folder.start()
        add = ("feeds", "add", f"{address}/feed", "--id", "new", "--min-interval", "0.05", "--max-interval", "0.1")
        assert await folder.command(*add) == (0, "new\n", "")
        await until_seen(folder, "new", "deltawire.entry.created")
        status, _, sentence = await folder.command(*add)
        assert (status, sentence.count("\n")) == (1, 1)
        assert "already followed" in sentence
        assert await folder.command("feeds", "pause", "new") == (0, "", "")
        status, listing, _ = await folder.command("feeds", "list", "--json")
        listed = orjson.loads(listing)
        assert (status, listed["state"], listed["health"]) == (0, "paused", "paused")
        assert 1 <= len(listed["looks"]) <= 10
        assert await folder.command("feeds", "resume", "new") == (0, "", "")
        assert await folder.command("feeds", "remove", "new") == (0, "", "")
        await until_seen(folder, "new", "deltawire.feed.ended")
        assert await folder.command(*add) == (0, "new\n", "")
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DEADLINE
        while len(epochs := {e["feedepoch"] for e in await folder.events()}) < 2:
            assert loop.time() < deadline
        for epoch in epochs:
            numbers = [int(e["sequence"]) for e in await folder.events() if e["feedepoch"] == epoch]
            assert numbers == list(range(1, len(numbers) + 1))
        assert await folder.stop() == 0


async def test_explain_shows_decisions_of_a_feed_and_of_an_entry(folder: Deployment) -> None:
    async with serve(chance(Publisher(6, "rss"))) as address:
        await folder.start(f"{address}/feed")
        await until_seen(folder, "127-0-0-1-feed", "deltawire.entry.created")
        status, out, _ = await folder.command("explain", "--feed", "127-0-0-1-feed", "--json")
        notes = [orjson.loads(line) for line in out.splitlines()]
        assert status == 0
        assert {"feed.started", "entry.created"} <= {note["reason"] for note in notes}
        entry = notes[-1]["entry_id"]
        status, out, _ = await folder.command("explain", "--feed", "127-0-0-1-feed", "--entry", entry)
        assert (status, "entry.created" in out) == (0, True)
        status, _, sentence = await folder.command("explain", "--feed", "nope")
        assert (status, "known: 127-0-0-1-feed" in sentence) == (1, True)
        assert await folder.stop() == 0


async def test_diff_says_what_lies_between_two_documents(folder: Deployment) -> None:
    two_documents(folder.folder)
    status, out, _ = await folder.command("diff", "old.rss", "new.rss", "--json")
    events = [orjson.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [e["type"] for e in events] == ["deltawire.entry.updated", "deltawire.entry.created"]
    assert ["-", "four"] in events[0]["data"]["changes"][0]["diff"]
    status, out, _ = await folder.command("diff", "old.rss", "new.rss")
    assert "[-four-]{+six+}" in out
    assert await folder.command("diff", "new.rss", "new.rss") == (0, "no changes\n", "")
    assert await folder.command("diff", "new.rss", "new.rss", "--json") == (0, "", "")


async def test_check_has_the_shape_of_the_contract(folder: Deployment) -> None:
    two_documents(folder.folder)
    status, out, err = await folder.command("check", "new.rss", "--json")
    found = orjson.loads(out)
    assert (status, err) == (0, "")
    assert list(found) == ["format", "feed", "coverage", "entries", "problems"]
    assert (found["format"], found["coverage"]) == ("rss", "window")
    assert [e["title"] for e in found["entries"]] == ["Road shut", None]
    assert all(e["id"] for e in found["entries"])
    status, out, _ = await folder.command("check", "new.rss")
    assert "Road shut" in out


async def test_check_tells_why_a_document_cannot_be_read(folder: Deployment) -> None:
    (folder.folder / "page.html").write_text("<html><title>Are you a robot?</title></html>", encoding="utf-8")
    status, out, sentence = await folder.command("check", "page.html", "--json")
    assert (status, orjson.loads(out)["error"]["code"]) == (1, "not-a-live-blog")
    assert sentence.count("\n") == 1
    async with serve(chance(Publisher(5, "rss"))) as address:
        (folder.folder / "deltawire.toml").write_text("", encoding="utf-8")
        status, out, sentence = await folder.command("check", f"{address}/feed")
        assert (status, out) == (1, "")
        assert "allow_private_networks" in sentence


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["check", "none.xml"], 2, "No such file"),
        (["tail", "--config", "none.toml"], 2, "none.toml: cannot be read"),
        (["feeds", "add", "ftp://x.test/"], 2, "must begin with http"),
        (["feeds", "add", "https://x.test/", "--id", "A b"], 2, "must be 1 to 100"),
        (["feeds", "remove", "nope"], 1, "there is no feed 'nope'"),
        (["run", "example.org/live"], 2, "must begin with http"),
        (["explain", "--feed", "nope"], 1, "known: none yet"),
    ],
)
async def test_what_is_wrong_is_one_sentence(folder: Deployment, arguments: list[str], status: int, words: str) -> None:
    code, out, err = await folder.command(*arguments)
    assert (code, out) == (status, "")
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


async def test_one_process_owns_a_log(folder: Deployment) -> None:
    await folder.start()
    status, _, err = await folder.command("run")
    assert status == 1
    assert "in use by process" in err
    assert await folder.stop() == 0


async def test_config_check_and_show(folder: Deployment) -> None:
    status, out, err = await folder.command("config", "check")
    assert (status, out, err) == (0, "deltawire.toml: ok\n", "")
    _, out, _ = await folder.command("config", "show")
    assert "fetch.allow_private_networks = true  # deltawire.toml:8" in out.splitlines()
    assert "fetch.timeout = 30  # default" in out.splitlines()
    (folder.folder / "deltawire.toml").write_text("[fetch]\ntimout = 1\n[gatway]\n", encoding="utf-8")
    status, out, err = await folder.command("config", "check")
    assert (status, out, err.count("\n")) == (2, "", 2)


async def test_tail_follows_until_it_is_stopped_and_then_ends_quietly(folder: Deployment) -> None:
    async with serve(chance(Publisher(9, "rss"))) as address:
        tail = await asyncio.create_subprocess_exec(
            COMMAND,
            "tail",
            "--json",
            cwd=folder.folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert tail.stdout is not None
        assert tail.stderr is not None
        # It looks from what is the end when it starts: so it must have started before there is anything.
        said = await asyncio.wait_for(tail.stderr.readline(), DEADLINE)
        assert said == b"nothing has run yet on sqlite:///log.db\n"
        await folder.start(f"{address}/feed")
        first = orjson.loads(await asyncio.wait_for(tail.stdout.readline(), DEADLINE))
        assert first["type"] == "deltawire.feed.started"
        # Not SIGINT: whoever runs the tests in the background has it ignored, and so have the children.
        tail.terminate()
        _, err = await asyncio.wait_for(tail.communicate(), DEADLINE)
        assert (tail.returncode, err) == (0, b"")
        assert await folder.stop() == 0


async def test_an_unset_secret_stops_only_what_needs_it(folder: Deployment) -> None:
    path = folder.folder / "deltawire.toml"
    path.write_text(
        HEAD + '[[channels]]\nid = "desk"\nurl = "https://x.test/"\nsecret = "${NOT_SET}"\n', encoding="utf-8"
    )
    assert (await folder.command("feeds", "list"))[0] == 0
    status, _, err = await folder.command("config", "check")
    assert (status, "NOT_SET is not set" in err, err.count("\n")) == (2, True, 1)


async def test_the_configuration_may_be_named_before_or_after_the_command(folder: Deployment) -> None:
    other = folder.folder / "other.toml"
    other.write_text("[fetch]\ntimout = 1\n", encoding="utf-8")
    for arguments in (("--config", "other.toml", "feeds", "list"), ("feeds", "list", "--config", "other.toml")):
        status, _, err = await folder.command(*arguments)
        assert (status, "other.toml:2" in err) == (2, True)


async def test_a_wrong_command_line_is_one_line(folder: Deployment) -> None:
    for arguments in (("tial",), ("explain",), ("check", "x", "--format", "rrs")):
        status, out, err = await folder.command(*arguments)
        assert (status, out, err.count("\n")) == (2, "", 1)


async def test_busy_ports_are_one_sentence_each(folder: Deployment) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for section in ("gateway", "ops"):
            text = (
                HEAD.replace("port = 0", f"port = {port}") if section == "gateway" else HEAD + f"[ops]\nport = {port}\n"
            )
            (folder.folder / "deltawire.toml").write_text(text, encoding="utf-8")
            status, _, err = await folder.command("run")
            (sentence,) = [line for line in err.splitlines() if not line.startswith("{")]
            assert status == 1
            assert f"port {port} on 127.0.0.1 is in use" in sentence
            assert f"{section}.port" in sentence
            assert "exception" not in err


async def test_sigterm_ends_it_with_status_0_however_early(folder: Deployment) -> None:
    for wait in (0, 0.2, 0.4, 0.8, 1.2):
        process = await asyncio.create_subprocess_exec(
            COMMAND, "run", cwd=folder.folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await eventually(functools.partial(minds_sigterm, process.pid))
        await asyncio.sleep(wait)  # the moment is the point
        process.terminate()
        assert await asyncio.wait_for(process.wait(), DEADLINE) == 0
