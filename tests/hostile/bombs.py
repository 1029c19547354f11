"""Hostile documents: each small or plausible enough to be fetched, and built so that some reader of it breaks.

By catalogue check 45 (what brought down feedparser, expat, lxml, nh3 or orjson at some time) and by what our own
readers do: nesting, repetition, starts without ends, encodings, numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

MEGABYTE = 1024 * 1024


class Bomb(NamedTuple):
    name: str
    make: Callable[[], bytes]
    content_type: str | None = None


def rss(items: str = "<item><title>x</title></item>", *, prolog: str = "", channel: str = "", root: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{prolog}<rss version="2.0" {root}><channel><title>t</title>'
        f"<link>https://x.example/</link>{channel}{items}</channel></rss>"
    )


def item(body: str) -> str:
    return rss(f"<item><guid>1</guid>{body}</item>")


def described(html: str) -> str:
    return item("<description>" + html.replace("&", "&amp;").replace("<", "&lt;") + "</description>")


def jsonfeed(**fields: Any) -> str:
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{"id": "1", "content_text": "x"}]}
    return json.dumps(feed | fields)


def posting(**fields: Any) -> str:
    blog = {"@context": "https://schema.org", "@type": "LiveBlogPosting", "@id": "https://x.example/#b", **fields}
    return page(f'<script type="application/ld+json">{json.dumps(blog)}</script>')


def page(head: str, body: str = "") -> str:
    return f"<!DOCTYPE html><html><head><title>t</title>{head}</head><body>{body}</body></html>"


def _repeat(start: str, times: int, end: str = "") -> str:
    return start * times + end * times


def _numbered(text: str, times: int) -> str:
    return "".join(text.replace("#", str(number)) for number in range(times))


def _entities() -> Iterator[tuple[str, Callable[[], str]]]:
    subsets: dict[str, Callable[[], tuple[str, str]]] = {
        "laughs": lambda: (
            '<!ENTITY e0 "ha">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)),
            "&e11;",
        ),
        "quadratic": lambda: (f'<!ENTITY e "{"a" * 100_000}">', "&e;" * 10_000),
        "chain": lambda: (
            '<!ENTITY e0 "x">' + "".join(f'<!ENTITY e{n} "&e{n - 1};">' for n in range(1, 25_001)),
            "&e25000;",
        ),
        "cycle": lambda: ('<!ENTITY a "&b;"><!ENTITY b "&a;">', "&a;"),
        "file": lambda: ('<!ENTITY e SYSTEM "file:///etc/passwd">', "&e;"),
        "address": lambda: ('<!ENTITY e SYSTEM "http://127.0.0.1:1/e">', "&e;"),
        "parameter": lambda: ("<!ENTITY % p \"<!ENTITY e 'x'>\"> %p;", "&e;"),
        "attributes": lambda: (_numbered('<!ATTLIST item a# CDATA "x">', 20_000), "x"),
    }
    for newline, place in (("\n", "on its own line"), ("", "on the same line")):
        for name, subset in subsets.items():

            def document(newline: str = newline, subset: Callable[[], tuple[str, str]] = subset) -> str:
                declared, used = subset()
                body = f"<item><title>{used}</title></item>"
                return rss(body, prolog=f"{newline}<!DOCTYPE rss [{declared}]>{newline}")

            yield f"entities: {name}, {place}", document
    yield (
        "entities: external DTD",
        lambda: rss(prolog='<!DOCTYPE rss SYSTEM "http://127.0.0.1:1/x.dtd">'),
    )


STRUCTURES: dict[str, Callable[[], str]] = {
    "nested elements": lambda: item(_repeat("<a>", 300_000, "</a>")),
    "unclosed elements": lambda: item(_repeat("<a>", 300_000)),
    "elements just within the depth": lambda: item(_repeat("<a>", 240, "</a>") * 500),
    "attributes": lambda: item("<a " + _numbered('a#="1" ', 20_000) + "/>"),
    "attributes of the same name": lambda: item("<a " + 'a="1" ' * 50_000 + "/>"),
    "attributes just within the number": lambda: item(("<a " + _numbered('a#="1" ', 90) + "/>") * 2_000),
    "nested namespaces": lambda: item(_numbered('<a xmlns:n#="urn:#">', 10_000) + "</a>" * 10_000),
    "namespaces of the root": lambda: rss(root=_numbered('xmlns:n#="urn:#" ', 20_000)),
    "items": lambda: rss("<item><title>x</title></item>" * 100_000),
    "items just within the number": lambda: rss(_numbered("<item><guid>#</guid><title>x</title></item>", 20_000)),
    "items of one guid": lambda: rss(_numbered("<item><guid>1</guid><title>x #</title></item>", 20_000)),
    "categories": lambda: item("<category>x</category>" * 200_000),
    "authors": lambda: item(_numbered("<author>a#@x.example (A #)</author>", 50_000)),
    "enclosures": lambda: item('<enclosure url="https://x.example/a.png" type="image/png"/>' * 50_000),
    "titles": lambda: item("<title>x</title>" * 100_000),
    "unknown elements": lambda: item(_numbered("<a#/>", 200_000)),
    "long name": lambda: item(f"<{'a' * 5 * MEGABYTE}/>"),
    "long attribute": lambda: item(f'<a b="{"x" * 14 * MEGABYTE}"/>'),
    "long comment": lambda: item(f"<!--{'x' * 14 * MEGABYTE}-->"),
    "long instruction": lambda: item(f"<?a {'x' * 14 * MEGABYTE}?>"),
    "long section": lambda: item(f"<description><![CDATA[{'x ' * 7 * MEGABYTE}]]></description>"),
    "long text": lambda: item(f"<description>{'x ' * 7 * MEGABYTE}</description>"),
    "long space": lambda: item(" " * 14 * MEGABYTE),
    "long guid": lambda: item(f"<guid>{'x' * 4 * MEGABYTE}</guid>"),
    "long time": lambda: item(f"<pubDate>{'1' * MEGABYTE}</pubDate>" * 4),
    "comments": lambda: item("<!-- -->" * 500_000),
    "sections": lambda: item("<description>" + "<![CDATA[x]]>" * 300_000 + "</description>"),
    "open comments": lambda: item("<description>" + "&lt;!--" * 40_000 + "</description>"),
    "prolog": lambda: rss(prolog="<!-- -->" * 100_000),
    "instructions before the root": lambda: rss(prolog="<?a b?>" * 100_000),
    "references": lambda: item("<description>" + "&amp;" * 1_000_000 + "</description>"),
    "deleted entries": lambda: rss(
        channel='<at:deleted-entry ref="urn:1"/>' * 50_000, root='xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    ),
}

MARKUP: dict[str, Callable[[], str]] = {
    "fonts": lambda: _numbered("<font size=#>", 20_000),
    "divs": lambda: "<div>" * 80_000,
    "adoption": lambda: "<a><div>" * 20_000,
    "bold and italics": lambda: "<b><i><p>" * 20_000,
    "tables": lambda: "<table><tr><td>" * 20_000,
    "open comments": lambda: "<!--" * 40_000,
    "open sections": lambda: "<![CDATA[" * 40_000,
    "open tags": lambda: "<p " * 100_000,
    "attributes": lambda: f"<p {_numbered('a#=1 ', 50_000)}>x",
    "references": lambda: "&#x41;" * 200_000,
    "foreign": lambda: "<svg><style><math><mtext>" * 10_000,
    "links": lambda: _numbered('<a href="https://x.example/#">x</a> ', 50_000),
    "images": lambda: _numbered('<img src="https://x.example/#.png" alt="x">', 50_000),
    "times": lambda: "<p>Updated at 12.30pm GMT, 5 minutes ago</p>" * 20_000,
    "closing": lambda: "</p>" * 200_000,
}

REFERENCES = {
    "surrogate": "&#xD800;",
    "surrogate in decimals": "&#55296;",
    "beyond Unicode": "&#x110000;",
    "nul": "&#0;",
    "endless": f"&#{'9' * 100_000};",
    "endless in hexadecimals": f"&#x{'f' * 100_000};",
    "empty": "&#;&#x;",
    "not a character": "&#xFFFF;",
}

CODECS = (
    *("punycode", "undefined", "idna", "utf-7", "rot13", "utf-16", "utf-32", "hex", "base64", "zlib", "bz2", "mbcs"),
    *("unicode_escape", "raw_unicode_escape", "cp037", "unicode_internal", "palmos", "iso2022_jp_ext"),
)

JSON: dict[str, Callable[[], str]] = {
    "lists": lambda: "[" * 500_000,
    "closed lists": lambda: "[" * 100_000 + "]" * 100_000,
    "objects": lambda: '{"a":' * 200_000,
    "depth that loads": lambda: '{"version":"https://jsonfeed.org/version/1.1","items":' + "[" * 900 + "]" * 900 + "}",
    "number of many digits": lambda: f'{{"version":"https://jsonfeed.org/version/1","items":[{"9" * 5_000}]}}',
    "numbers of many digits": lambda: (
        f'{{"version":"https://jsonfeed.org/version/1","items":[{",".join(["9" * 1000] * 10_000)}]}}'
    ),
    "number of megabytes": lambda: f'{{"version":"https://jsonfeed.org/version/1","a":{"9" * 10 * MEGABYTE}}}',
    "exponent": lambda: '{"version":"https://jsonfeed.org/version/1","items":[{"id":1e999}]}',
    "keys": lambda: jsonfeed(**{f"k{n}": n for n in range(500_000)}),
    "keys of an item": lambda: jsonfeed(items=[{"id": "1", **{f"k{n}": n for n in range(300_000)}}]),
    "the same key": lambda: '{"version":"https://jsonfeed.org/version/1",' + '"items":[],' * 500_000 + '"items":[]}',
    "items": lambda: jsonfeed(items=[{"id": str(n), "content_text": "x"} for n in range(100_000)]),
    "items of one id": lambda: jsonfeed(items=[{"id": "1", "content_text": f"x {n}"} for n in range(30_000)]),
    "items of no kind": lambda: jsonfeed(items=[[]] * 1_000_000),
    "tags": lambda: jsonfeed(items=[{"id": "1", "tags": ["x"] * 500_000}]),
    "authors": lambda: jsonfeed(items=[{"id": "1", "authors": [{"name": "x"}] * 200_000}]),
    "long string": lambda: jsonfeed(items=[{"id": "1", "content_text": "x " * 7 * MEGABYTE}]),
    "long title": lambda: jsonfeed(title="x" * 14 * MEGABYTE),
    "nul": lambda: jsonfeed(items=[{"id": "\0" * 1000, "content_text": "\0" * MEGABYTE}]),
    "surrogates": lambda: jsonfeed(items=[{"id": "\ud800", "content_text": "\udfff" * 100_000}]),
    "backslashes": lambda: '{"version":"https://jsonfeed.org/version/1","title":"' + "\\\\" * 2_000_000 + '"}',
    "open string": lambda: '{"version":"https://jsonfeed.org/version/1","title":"' + '\\"' * 2_000_000,
    "raw control characters": lambda: (
        '{"version":"https://jsonfeed.org/version/1","items":[{"id":"1","content_text":"' + "\n" * 4_000_000 + '"}]}'
    ),
    "white space": lambda: " " * 14 * MEGABYTE + "{}",
}

PAGES: dict[str, Callable[[], str]] = {
    "scripts": lambda: page('<script type="application/ld+json">{</script>' * 20_000),
    "script starts": lambda: "<html>" + "<script " * 200_000,
    "updates": lambda: posting(
        liveBlogUpdate=[{"@type": "BlogPosting", "@id": f"#{n}", "articleBody": f"x {n}"} for n in range(100_000)]
    ),
    "updates of one id": lambda: posting(
        liveBlogUpdate=[{"@type": "BlogPosting", "@id": "#1", "articleBody": f"x {n}"} for n in range(20_000)]
    ),
    "long update": lambda: posting(liveBlogUpdate=[{"@type": "BlogPosting", "articleBody": "x " * 7 * MEGABYTE}]),
    "escaped markup": lambda: posting(liveBlogUpdate=[{"@type": "BlogPosting", "articleBody": "&lt;a" * 200_000}]),
    "deep graph": lambda: page(
        '<script type="application/ld+json">' + '{"@graph":[' * 10_000 + "]}" * 10_000 + "</script>"
    ),
    "references in a circle": lambda: posting(
        liveBlogUpdate=[{"@id": "https://x.example/#b"}] * 50_000, author={"@id": "https://x.example/#b"}
    ),
    "blogs": lambda: posting(liveBlogUpdate=[]).replace(
        "</head>", '<script type="application/ld+json">{"@type":"LiveBlogPosting"}</script>' * 20_000 + "</head>"
    ),
    "divs": lambda: page("", "<div>" * 300_000),
    "bases": lambda: page("<base href=//a>" * 100_000),
    "open comments": lambda: "<html>" + "<!--" * 400_000,
    "open titles": lambda: "<html>" + "<title" * 200_000,
    "live lists": lambda: "<html amp>" + "<amp-live-list id=a><div items>" * 50_000,
    "entries of a list": lambda: (
        "<html amp><amp-live-list id=a><div items>"
        + _numbered('<div id="#" data-sort-time="#">x</div>', 50_000)
        + "</div></amp-live-list>"
    ),
    "nested entries": lambda: page("", '<div class="live-event-entry" id="1">' * 50_000),
    "entries": lambda: page("", _numbered('<div class="live-event-entry" id="#"><p>x</p></div>', 30_000)),
    "nested microdata": lambda: (
        "<html>" + '<p itemscope itemtype="https://schema.org/LiveBlogPosting" itemprop="liveBlogUpdate">' * 50_000
    ),
    "clocks": lambda: json.dumps(
        {"response": {"content": {"id": "a", "fields": {"body": '<p class="published-time">' * 100_000}}}}
    ),
}

TEXTS: dict[str, Callable[[], str]] = {
    "clocks": lambda: "12.30pm GMT\nx\n" * 100_000,
    "clocks in one line": lambda: "12.30pm GMT " * 300_000,
    "updates": lambda: "Updated at 9.00am GMT at " * 200_000,
    "days": lambda: "Monday 3 March 2025\n10:00\nx\n" * 50_000,
    "digits": lambda: "1" * 4 * MEGABYTE,
    "dates of digits": lambda: "2025-" * 500_000,
    "long line": lambda: "12:30\n" + "x" * 14 * MEGABYTE,
    "spaces": lambda: "12:30" + " " * 4 * MEGABYTE + "x",
    "empty lines": lambda: "12:30\n" + "\n" * 4 * MEGABYTE + "x",
    "marks": lambda: "12:30\n" + "e\u0301\u0301\u0301" * 500_000,
    "directions": lambda: "12:30\n" + "\u202e\u2066" * 500_000,
    "nul": lambda: "12:30\n" + "\0" * 4 * MEGABYTE,
}


def _bombs() -> Iterator[Bomb]:
    for name, make in _entities():
        yield Bomb(name, lambda make=make: make().encode())  # type: ignore[misc]
    for family, documents in (
        ("feed", STRUCTURES),
        ("json", JSON),
        ("page", PAGES),
        ("text", TEXTS),
    ):
        for name, make in documents.items():
            yield Bomb(f"{family}: {name}", lambda make=make: make().encode("utf-8", "replace"))  # type: ignore[misc]
    for name, make in STRUCTURES.items():
        # The ampersand keeps the strict reader from it.
        yield Bomb(
            f"sloppy feed: {name}",
            lambda make=make: make().replace("<title>t<", "<title>t & t<", 1).encode(),  # type: ignore[misc]
        )
    for name, make in MARKUP.items():
        yield Bomb(f"markup: {name}", lambda make=make: described(make()).encode())  # type: ignore[misc]
        yield Bomb(
            f"markup in JSON: {name}",
            lambda make=make: jsonfeed(items=[{"id": "1", "content_html": make()}]).encode(),  # type: ignore[misc]
        )
    for name, reference in REFERENCES.items():
        yield Bomb(f"reference: {name}", lambda r=reference: item(f"<title>x{r}y</title>").encode())  # type: ignore[misc]
    for codec in CODECS:
        body = "é plain words - " * 40_000
        yield Bomb(
            f"encoding: {codec}, declared",
            lambda codec=codec, body=body: (  # type: ignore[misc]
                item(f"<title>{body}</title>").replace("?>", f' encoding="{codec}"?>', 1).encode()
            ),
        )
        yield Bomb(
            f"encoding: {codec}, by the header",
            lambda body=body: item(f"<title>{body}</title>").encode(),  # type: ignore[misc]
            f"application/rss+xml; charset={codec}",
        )
    yield Bomb("bytes: nul", lambda: b"\0" * 14 * MEGABYTE)
    yield Bomb(
        "bytes: invalid", lambda: item("<title>x</title>").encode().replace(b"x<", b"\xff\xfe\x80" * MEGABYTE + b"<")
    )
    yield Bomb("bytes: a file name", lambda: b"/etc/passwd")
    yield Bomb("bytes: an address", lambda: b"http://127.0.0.1:1/feed.xml")
    yield Bomb("bytes: marks", lambda: b"\xef\xbb\xbf" * 100_000 + b"<rss/>")


BOMBS = {bomb.name: bomb for bomb in _bombs()}
