"""Logs that cannot be opened: one sentence that says what, where and the mend."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deltawire.log.engines import open_log
from deltawire.log.owner import Lock
from deltawire.log.port import LogError
from deltawire.log.sqlite import SqliteLog
from deltawire.log.sqlite_guest import SqliteGuest
from deltawire.log.sqlite_schema import open_for_reading, open_for_writing
from deltawire.log.topics import Topics
from log.contract import everything, out

TOPICS = Topics()


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def refusals(path: Path) -> list[str]:
    """What an owner and a guest are told."""
    with pytest.raises(LogError) as to_owner:
        await SqliteLog.open(path, TOPICS)
    guest = SqliteGuest(path, TOPICS)
    with pytest.raises(LogError) as to_guest:
        await guest.bounds(TOPICS.events)
    await guest.close()
    return [str(to_owner.value), str(to_guest.value)]


@pytest.mark.parametrize("url", ["", "sqlite:", "sqlite://log.db", "sqlite:///", "kafka://u:p@h:1", "/var/log.db"])
async def test_a_url_that_names_no_log(url: str) -> None:
    with pytest.raises(LogError, match=r"names no log; .sqlite:///var/deltawire/log\.db. names a file") as error:
        await open_log(url, TOPICS, role="guest")
    assert "u:p" not in str(error.value)


async def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///var/a%20b.db", f"sqlite:///{tmp_path}/c.db"):
        log = await open_log(url, TOPICS, role="owner")
        await log.append([out(TOPICS.events, "k")])
        await log.close()
    assert (tmp_path / "var" / "a b.db").exists()
    assert (tmp_path / "c.db").exists()


async def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("remember the milk\n" * 100)
    for refusal in await refusals(path):
        assert refusal == f"{path} is not a SQLite database; move it away or give another [log] url"
    assert path.read_text() == "remember the milk\n" * 100


async def test_somebody_elses_database_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    execute(path, "CREATE TABLE t (a)")
    before = path.read_bytes()
    for refusal in await refusals(path):
        assert refusal == f"{path} is a SQLite database, but no log of deltawire; give another [log] url"
    assert path.read_bytes() == before


async def test_a_newer_schema(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await (await SqliteLog.open(path, TOPICS)).close()
    execute(path, "PRAGMA user_version = 2")
    for refusal in await refusals(path):
        assert "was written by a newer deltawire (log schema 2, this one knows 1); upgrade" in refusal


async def test_another_number_of_partitions(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await (await SqliteLog.open(path, TOPICS, partitions=3)).close()
    with pytest.raises(LogError, match=r"log\.db has 3 partition\(s\) and 12 are asked for: the number is fixed"):
        await SqliteLog.open(path, TOPICS, partitions=12)
    log = await SqliteLog.open(path, TOPICS)
    assert len(await log.bounds(TOPICS.events)) == 3
    guest = SqliteGuest(path, TOPICS)
    assert len(await guest.bounds(TOPICS.events)) == 3
    await guest.close()
    await log.close()


async def test_another_kind_of_cleanup(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    await (await SqliteLog.open(path, TOPICS)).close()
    execute(path, f"UPDATE streams SET compact = 1 WHERE topic = '{TOPICS.events}'")
    with pytest.raises(LogError, match="with cleanup compact, and this deltawire wants the other"):
        await SqliteLog.open(path, TOPICS)


async def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LogError, match=r"cannot make .*file.* \(Not a directory|File exists\); mend its rights"):
        await SqliteLog.open(tmp_path / "file" / "log.db", TOPICS)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o500)  # noqa: PTH101
    with pytest.raises(LogError, match=r"cannot make .*log\.db\.lock \(Permission denied\); mend its rights"):
        await SqliteLog.open(tmp_path / "log.db", TOPICS)


async def test_a_path_that_is_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.mkdir()
    for refusal in await refusals(path):
        assert refusal.startswith("cannot ")
        assert f"{path} " in refusal


async def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    log = await SqliteLog.open(path, TOPICS)
    await log.append([out(TOPICS.events, f"k{n}", bytes([n]) * 3000) for n in range(200)])
    await log.close()
    with path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xa5" * (path.stat().st_size - 8192))
    with pytest.raises(LogError, match="is damaged"):
        await SqliteLog.open(path, TOPICS)


async def test_a_refusal_leaves_the_log_free_for_others(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_text("no database " * 100)
    await refusals(path)
    (await Lock.acquire(path, patience=0)).release()
    path.unlink()
    log = await SqliteLog.open(path, TOPICS)
    assert await everything(log, TOPICS.events) == []
    await log.close()


def look_until_it_is_there(path: Path) -> None:
    while (connection := open_for_reading(path)) is None:
        pass
    connection.execute("SELECT count(*) FROM records")
    connection.close()


async def test_a_log_that_is_being_made_confuses_nobody(tmp_path: Path) -> None:
    for number in range(40):
        path = tmp_path / f"{number}.db"
        looking = [asyncio.create_task(asyncio.to_thread(look_until_it_is_there, path)) for _ in range(2)]
        connection, _ = await asyncio.to_thread(open_for_writing, path, TOPICS, 1)
        await asyncio.gather(*looking)
        connection.close()


async def test_an_empty_file_is_a_new_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.touch()
    guest = SqliteGuest(path, TOPICS)
    assert await everything(guest, TOPICS.events) == []
    await guest.close()
    log = await SqliteLog.open(path, TOPICS)
    await log.append([out(TOPICS.events, "k")])
    await log.close()
