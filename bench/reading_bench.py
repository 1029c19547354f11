"""What it costs to read a document: at first sight, unchanged, and with one entry new and one edited.

    .venv/bin/python bench/reading_bench.py [--rounds N]

Each figure is CPU time (the median of some rounds) and its ratio to what feedparser alone takes to parse the RSS
document of as many entries in the same run, without sanitising and without making anything canonical of it. All but
"first sight" and "malformed" are read with a memory of the document before. Documents are made up: 1.8 KB of HTML an
entry.
"""

from __future__ import annotations

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from xml.sax.saxutils import escape

import feedparser
import orjson

from deltawire.formats import registry
from deltawire.formats.base import Forgetful, Memo, Raw
from deltawire.formats.memo import Memory

WORDS = ("the", "harbour", "was", "closed", "after", "smoke", "had", "been", "seen", "over", "an", "old", "quay")
URL = "https://press.example/live/storm"


def body(seed: int) -> str:
    chance = random.Random(seed)
    said = lambda n: " ".join(chance.choices(WORDS, k=n))  # noqa: E731
    paragraphs = [f"<p>{said(70)}</p>" for _ in range(4)]
    paragraphs[1] += f'<p><b>{said(3)}</b> <a href="/news/{seed}?utm_source=live">{said(4)}</a> {said(10)}</p>'
    return "".join(paragraphs) + f'<figure><img src="/photos/{seed}.jpg" alt="{said(4)}"></figure>'


def at(number: int) -> datetime:
    return datetime(2025, 3, 3, tzinfo=UTC) + timedelta(minutes=number)


def rss(entries: list[tuple[int, str]]) -> bytes:
    items = "".join(
        f'<item><title>Post {n} &amp; more</title><link>{URL}#b{n}</link><guid isPermaLink="false">b-{n}</guid>'
        f"<pubDate>{format_datetime(at(n), usegmt=True)}</pubDate><dc:creator>Ada Quill</dc:creator>"
        f"<category>storm</category><description><![CDATA[{html}]]></description></item>\n"
        for n, html in entries
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<channel><title>Storm</title><link>{URL}</link><language>en</language>{items}</channel></rss>"
    ).encode()


def atom(entries: list[tuple[int, str]]) -> bytes:
    items = "".join(
        f'<entry><title>Post {n} &amp; more</title><link href="{URL}#b{n}"/><id>urn:x:b-{n}</id>'
        f"<published>{at(n).isoformat()}</published><updated>{at(n).isoformat()}</updated>"
        f'<author><name>Ada Quill</name></author><category term="storm"/>'
        f'<content type="html">{escape(html)}</content></entry>\n'
        for n, html in entries
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom"><title>Storm</title>'
        f'<link href="{URL}"/><id>urn:x</id><updated>{at(0).isoformat()}</updated>{items}</feed>'
    ).encode()


def json_feed(entries: list[tuple[int, str]]) -> bytes:
    items = [
        {"id": f"b-{n}", "url": f"{URL}#b{n}", "title": f"Post {n}", "content_html": html, "date_published": at(n)}
        for n, html in entries
    ]
    return orjson.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Storm", "items": items})


def json_ld(entries: list[tuple[int, str]]) -> bytes:
    updates = [
        {
            "@type": "BlogPosting",
            "@id": f"{URL}#b{n}",
            "headline": f"Post {n}",
            "articleBody": html,
            "datePublished": at(n),
        }
        for n, html in entries
    ]
    blog = {"@context": "https://schema.org", "@type": "LiveBlogPosting", "url": URL, "liveBlogUpdate": updates}
    return b'<!doctype html><script type="application/ld+json">' + orjson.dumps(blog) + b"</script>"


def cost(looks: Sequence[Callable[[], object]]) -> float:
    """Milliseconds of CPU time that one of some equal looks takes: the median."""
    taken = []
    for look in looks:
        before = time.process_time()
        look()
        taken.append(time.process_time() - before)
    return statistics.median(taken) * 1000


def changed(entries: list[tuple[int, str]], edit: int) -> list[tuple[int, str]]:
    """One entry new at the top, the sixth edited."""
    new, edited = (len(entries) + edit, body(-edit)), (entries[5][0], body(edit * 7919))
    return [new, *entries[:5], edited, *entries[6:]]


def read(document: bytes, memo: Memo) -> None:
    registry.read(Raw(body=document, url=URL, memo=memo))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    print(f"{'document':<16}{'look':<16}{'ms CPU':>9}{'of feedparser':>16}")
    for count in (50, 200):
        entries = [(n, body(n)) for n in range(count, 0, -1)]
        document = rss(entries)
        options = {"sanitize_html": False, "resolve_relative_uris": False}
        baseline = cost([partial(feedparser.parse, io.BytesIO(document), **options) for _ in range(3)])
        lenient = cost([partial(registry.read_leniently, Raw(body=document, url=URL))] * 3)
        figures = [("RSS", "feedparser", baseline), ("RSS", "malformed", lenient)]
        for name, render in (("RSS", rss), ("Atom", atom), ("JSON Feed", json_feed), ("JSON-LD", json_ld)):
            document = render(entries)
            memo = Memory(1 << 28, "bench").of("feed")
            read(document, memo)
            looks = [
                ("first sight", [partial(read, document, Forgetful())] * rounds),
                ("unchanged", [partial(read, document, memo)] * rounds),
                ("2 of them new", [partial(read, render(changed(entries, n)), memo) for n in range(1, rounds + 1)]),
            ]
            figures += [(name, look, cost(work)) for look, work in looks]
        for name, look, took in figures:
            print(f"{name + ' ' + str(count):<16}{look:<16}{took:>9.2f}{took / baseline:>16.2f}")


if __name__ == "__main__":
    main()
