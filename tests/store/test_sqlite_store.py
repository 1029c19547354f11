from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from deltawire.store import schema
from deltawire.store.engines import open_store
from deltawire.store.port import StoreError
from deltawire.store.sqlite import SqliteStore
from support.samples import entry_event


async def test_times_are_texts_that_sort(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "new" / "store.db")
    await store.apply(0, None, 1, [entry_event("created", 1)])
    await store.close()
    with sqlite3.connect(store.path) as db:
        row = db.execute("SELECT published_at, seen_at FROM entries").fetchone()
    db.close()
    assert row == ("2025-11-25T09:00:00.000000Z", "2025-11-25T09:00:01.000000Z")


async def test_a_newer_schema_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await (await SqliteStore.open(path)).close()
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(StoreError, match="written by a newer deltawire"):
        await SqliteStore.open(path)


async def test_migrations_run_by_themselves_and_keep_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    old = await SqliteStore.open(path)
    await old.apply(0, None, 1, [entry_event("created", 1)])
    await old.close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, ("ALTER TABLE entries ADD COLUMN mood TEXT",)))
    new = await SqliteStore.open(path)
    row = await new.entry("harbour", "e1")
    assert row is not None
    assert row.revision == 1
    await new.close()
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT mood FROM entries").fetchall() == [(None,)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(schema.MIGRATIONS),)
    db.close()


async def test_several_can_open_a_new_file_at_once(tmp_path: Path) -> None:
    for number in range(10):
        opened = await asyncio.gather(*(SqliteStore.open(tmp_path / f"{number}.db") for _ in range(4)))
        for store in opened:
            await store.close()


async def test_files_that_are_no_store_are_refused_with_a_sentence(tmp_path: Path) -> None:
    foreign = tmp_path / "log.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE records (id)")
    db.close()
    with pytest.raises(StoreError, match="another program: name another file"):
        await SqliteStore.open(foreign)
    garbage = tmp_path / "garbage"
    garbage.write_text("no database at all, " * 100)
    with pytest.raises(StoreError, match=r"garbage cannot be used .*name a writable SQLite file"):
        await SqliteStore.open(garbage)
    with pytest.raises(StoreError, match="cannot be opened"):
        await SqliteStore.open(garbage / "store.db")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://user:hunter2@host/db", "must begin with sqlite:/// or postgresql://"),
        ("hunter2@host", "must begin with sqlite:/// or postgresql://"),
        ("sqlite:///", "names no file"),
        ("sqlite://store.db", "names no file"),
        ("store.db", "must begin with sqlite:/// or postgresql://"),
        ("postgresql://user:hunter2/@host/db", "within user and password write %2F for /"),
        ("postgresql://user:hunter2#@host/db", "%23 for #"),
        ("postgresql://user:hunter2@host:port/db", "cannot be read"),
        ("postgresql://user:hunter2@[host/db", "cannot be read"),
        ("postgresql://user:hunter2@/db", "names no host"),
        ("postgresql://user:hunter2@host", "names no database"),
        ("postgresql://user:hunter2@127.0.0.1:9/db?sslmode=no", "store.url cannot be read|does not answer"),
    ],
)
async def test_a_url_that_names_no_store_of_this_version_is_refused_without_its_password(
    url: str, sentence: str
) -> None:
    with pytest.raises(StoreError, match=sentence) as refused:
        await open_store(url)
    assert "hunter2" not in str(refused.value)


async def test_three_slashes_are_relative_and_four_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite:///var/a%20b.db", f"sqlite:///{tmp_path}/c.db"):
        await (await open_store(url)).close()
    assert (tmp_path / "var" / "a b.db").exists()
    assert (tmp_path / "c.db").exists()


def full(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA max_page_count = 2")
        db.execute("CREATE TABLE t (x)")
        db.execute("INSERT INTO t VALUES (zeroblob(100000))")


def locked(path: Path) -> None:
    with closing(sqlite3.connect(path)) as shell, closing(sqlite3.connect(path, timeout=0)) as db:
        shell.execute("BEGIN IMMEDIATE")
        db.execute("BEGIN IMMEDIATE")


def read_only(path: Path) -> None:
    sqlite3.connect(path).close()
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        db.execute("CREATE TABLE t (x)")


def damaged(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with closing(sqlite3.connect(path)) as db:
        db.execute("SELECT * FROM sqlite_master")


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (full, "make room"),
        (locked, "close it"),
        (read_only, "check its rights"),
        (damaged, "delete the file, it is folded anew"),
    ],
)
def test_what_goes_wrong_with_the_file_is_told_with_the_mend(
    tmp_path: Path, fault: Callable[[Path], None], mend: str
) -> None:
    path = tmp_path / "store.db"
    with pytest.raises(sqlite3.Error) as raised:
        fault(path)
    told = schema.explained(raised.value, str(path))
    assert mend in told
    assert str(path) in told
