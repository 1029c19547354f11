"""``deltawire feeds import``, as somebody types it."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from deltawire import wanted
from deltawire.cli.feeds_import import parsed
from deltawire.cli.main import main
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics
from deltawire.model import Feed

TOPICS = Topics()
OPML = """<?xml version="1.0" encoding="UTF-8"?>
<opml version="2.0"><head><title>Mine</title></head><body>
  <outline text="World">
    <outline text="Live"><outline type="rss" text="A" xmlUrl="https://a.example/feed"/></outline>
    <outline text="B" XMLURL="https://b.example/feed" category="/news/storms,weather"/>
  </outline>
  <outline text="C" type="rss"/>
  <outline text="D" xmlUrl="gopher://d.example/"/>
  <outline text="A again" xmlUrl="https://a.example/feed?utm_source=reader"/>
</body></opml>
"""
OLD_OPML = '<opml version="1.1"><body><outline title="E" xmlUrl="https://e.example/rss"/></body></opml>'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deltawire.toml").write_text('[log]\nurl = "sqlite:///log.db"\n', encoding="utf-8")
    return tmp_path


def run(folder: Path, text: str | bytes, *more: str) -> int:
    (folder / "list").write_bytes(text.encode() if isinstance(text, str) else text)
    return main(["feeds", "import", "list", *more])


def imported(folder: Path) -> dict[str, Feed]:
    async def feeds() -> dict[str, Feed]:
        log = await SqliteLog.open(folder / "log.db", TOPICS)
        try:
            return await wanted.read(log, TOPICS)
        finally:
            await log.close()

    return asyncio.run(feeds())


def test_opml_is_read_with_its_folders_and_categories_as_tags(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, OPML, "--tag", "mine") == 1
    out, err = capsys.readouterr()
    found = imported(folder)
    assert out.split() == list(found) == ["a-example-feed", "b-example-feed"]
    assert [feed.url for feed in found.values()] == ["https://a.example/feed", "https://b.example/feed"]
    assert [feed.tags for feed in found.values()] == [
        ("mine", "World", "Live"),
        ("mine", "World", "news", "storms", "weather"),
    ]
    assert err.splitlines() == [
        "list:7: the outline 'C' has no xmlUrl",
        "list:8: 'gopher://d.example/' must begin with http:// or https://, not 'gopher'",
        "deltawire feeds: 2 added, 1 already there, 2 not understood: mend the lines above and import the file again",
    ]


EXPORTED = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<opml><body><outline text="Küste &amp; Meer"><outline xmlUrl="https://a.example/feed"/></outline></body></opml>'
)


@pytest.mark.parametrize(
    "body",
    [
        EXPORTED.encode(),
        b"\xef\xbb\xbf" + EXPORTED.encode(),
        b"\r\n \r\n" + EXPORTED.encode(),
        EXPORTED.replace("utf-8", "iso-8859-1").encode("latin-1"),
        EXPORTED.replace("utf-8", "utf-16").encode("utf-16"),
        EXPORTED.replace("utf-8", "utf-16").encode(),
        EXPORTED.encode("latin-1"),
        EXPORTED.partition("?>")[2].encode(),
        EXPORTED.replace("?>\n", '?><!DOCTYPE opml SYSTEM "http://x.example/opml.dtd">\n').encode(),
        EXPORTED.replace("opml>", "OPML>").replace("<outline", "<OUTLINE").replace("outline>", "OUTLINE>").encode(),
        EXPORTED.replace("<opml>", '<opml xmlns="http://opml.org/spec2">').encode(),
        EXPORTED.replace("&amp;", "&").encode(),
        EXPORTED.replace("ü", "&uuml;").encode(),
        EXPORTED.replace("https://", "feed:https://").encode(),
    ],
)
def test_what_exporters_get_wrong_is_read_all_the_same(body: bytes) -> None:
    (line,) = parsed(body, "list")
    assert (line.url, line.tags, line.mistake) == ("https://a.example/feed", ("Küste & Meer",), None)


def test_an_ampersand_in_an_address_is_one_however_it_is_written() -> None:
    addresses = "?a=1&amp;b=2", "?a=3&b=4", "?a=5&copy=6", "?a=7&#38;amp=8"
    lines = "".join(f'<outline xmlUrl="https://a.example/{address}"/>' for address in addresses)
    found = [line.url.rpartition("?")[2] for line in parsed(f"<opml>{lines}</opml>".encode(), "list")]
    assert found == ["a=1&b=2", "a=3&b=4", "a=5&copy=6", "a=7&amp=8"]


def test_a_line_keeps_its_number_behind_what_is_taken_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = '<?xml version="1.0"\n?>\n<!DOCTYPE opml\nPUBLIC "x" "y">\n'
    assert run(folder, f'{head}<opml>\n<outline xmlUrl="x:y"/></opml>') == 1
    assert capsys.readouterr().err.startswith("list:6: 'x:y' must begin")
    assert run(folder, "\x0c\u2028# a\r\rhttps://a.example/feed # mine\rx\r\n") == 1
    assert capsys.readouterr().err.splitlines()[-2].startswith("list:4: 'x' must begin")
    assert [feed.url for feed in imported(folder).values()] == ["https://a.example/feed"]


@pytest.mark.parametrize(
    "text",
    [
        "https://b.example/?k=${SECRET}\nhttps://a.example/\n",
        '<opml><outline xmlUrl="https://b.example/?k=&#36;{SECRET}"/>\n<outline xmlUrl="https://a.example/"/></opml>',
    ],
)
def test_a_list_of_somebody_else_cannot_have_a_variable_sent_to_its_site(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    assert run(folder, text) == 1
    assert "asks for the environment variable SECRET, which no list may" in capsys.readouterr().err
    assert [feed.url for feed in imported(folder).values()] == ["https://a.example/"]


def test_a_feed_is_given_no_more_tags_than_its_events_can_carry(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = ",".join(f"{n}{'x' * 200}" for n in range(500))
    assert run(folder, f'<opml><outline xmlUrl="https://a.example/" category="{many}"/></opml>', "--tag", "mine") == 0
    (feed,) = imported(folder).values()
    assert (feed.tags[0], len(feed.tags), max(map(len, feed.tags))) == ("mine", 100, 100)
    assert run(folder, "https://b.example/\n", "--tag", "t" * 101) == 1
    assert "a feed has at most 100 tags of at most 100 characters" in capsys.readouterr().err
    assert len(imported(folder)) == 1


def test_addresses_that_differ_in_their_fragment_only_are_one(folder: Path) -> None:
    assert run(folder, "https://a.example/feed#new\nhttps://a.example/feed\n") == 0
    assert len(imported(folder)) == 1
    assert run(folder, "https://a.example/feed#old\n") == 0
    assert len(imported(folder)) == 1


def test_importing_again_adds_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, OLD_OPML) == 0
    assert run(folder, OLD_OPML) == 0
    assert capsys.readouterr().err.splitlines()[-1] == "0 added, 1 already there, 0 not understood"
    assert len(imported(folder)) == 1


def test_a_plain_list_can_come_from_standard_input(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["\ufeffhttps://a.example/feed\r", "\r", "# not this one", "https://[b/feed", "https://c.example/ c"]
    text = "\n".join([*lines, "https://a.example/feed"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["feeds", "import", "-"]) == 1
    err = capsys.readouterr().err.splitlines()
    assert list(imported(folder)) == ["a-example-feed"]
    assert [line.partition(" ")[0] for line in err[:2]] == ["-:4:", "-:5:"]
    assert "1 added, 1 already there, 2 not understood" in err[2]


def test_ten_thousand_feeds_are_one_write(folder: Path) -> None:
    assert run(folder, "\n".join(f"https://n.example/feed?id={number}" for number in range(10_000))) == 0
    assert len(imported(folder)) == 10_000


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<opml><body>", "list:1: is neither OPML nor a list of URLs"),
        ("<rss version='2.0'/>", "is XML, but no OPML: it begins with <rss>"),
        (
            '<!DOCTYPE opml [<!ENTITY a "b">]><opml><outline text="&a;"/></opml>',
            "declares entities",
        ),
        (
            '<!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/hostname">]><opml><outline text="&a;"/></opml>',
            "declares entities",
        ),
        (b"\xff\xfe<\0o\0p\0m\0l\0>\0", "is neither OPML nor a list of URLs"),
        ("<opml>" + "<outline>" * 300, "nested deeper than 256 folders"),
        ("", "names no feed"),
        ("# nothing yet\n\n", "names no feed"),
        ("<opml/>", "names no feed"),
    ],
)
def test_what_is_no_list_is_refused_whole(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, sentence: str
) -> None:
    assert run(folder, text) == 1
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert sentence in err


def test_entities_that_multiply_are_refused_at_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    types = f'<!DOCTYPE opml [<!ENTITY e0 "https://a.example/">{entities}]>'
    assert run(folder, f'{types}<opml><outline xmlUrl="&e11;"/></opml>') == 1
    assert len(capsys.readouterr().err) < 500
