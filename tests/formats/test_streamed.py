"""The short way through a body ends where the long one does, if it ends at all."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lxml import etree

from deltawire.formats import content
from deltawire.formats.content import Content
from deltawire.formats.streamed import Body, Unusual

BASE = "https://press.example/live/storm"

WORDS = st.sampled_from(
    [
        *(
            "six ferries",
            " ",
            "  ",
            "\n",
            "",
            "a",
            " b ",
            "\t",
            "5 mins",
            " ago",
            "just now",
            "2 hours ago",
            "now",
            "&nbsp;",
        ),
        *(
            "&amp;",
            "&lt;b&gt;",
            "&amp;lt;",
            "<",
            ">",
            "&",
            "&#13;",
            "&#8217;",
            "“x” ☃",
            "é",
            '"',
            "'",
            "&quot;",
            "&#7;",
        ),
        *(
            "a sentence that is longer than any time that is relative to now could be, by far",
            "\u200b",
            "\ue000",
            "\x85",
        ),
    ]
)
ADDRESSES = st.sampled_from(
    [
        *("/n/1", "https://x.example/?a=1&amp;utm_source=x", "mailto:a@b.example", "javascript:x", "", "a b", "x'y"),
        "&#9;/",
    ]
)
ATTRIBUTES = st.one_of(
    st.just(""),
    st.builds(' class="{}"'.format, st.sampled_from(["a", "a  b", "<p>", 'x" y="z', "a&quot;b"])),
    st.builds(" href='{}'".format, ADDRESSES),
    st.builds(' src="{}" alt="{}"'.format, ADDRESSES, WORDS),
    st.builds(' data-src="{}"'.format, ADDRESSES),
    st.sampled_from([' a"b="c"', " <b", " =x=y", " href", ' title="x" href="/t" rel="r"', " ~a=1", ' é="1"', " /"]),
)
INLINE = ("b", "i", "strong", "em", "s", "a", "span", "code", "o:p", "font", "q")
BLOCKS = (
    *("p", "p", "p", "div", "ul", "li", "ol", "blockquote", "figure", "figcaption", "h2", "pre", "aside", "section"),
    *("table", "tbody", "tr", "td", "dl", "dt", "dd", "caption", "center"),
)
VOID = ("br", "img", "hr", "wbr", "iframe", "!--x--", "input", "/p", "/b", "/div", "svg", "template", "/body", "script")


def element(names: tuple[str, ...], inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("<{0}{1}>{2}</{0}>".format, st.sampled_from(names), ATTRIBUTES, inner)


def run(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(inner, max_size=4).map("".join)


IMAGES = st.builds('<img src="{}" alt="{}">'.format, ADDRESSES, WORDS)
LINKS = st.builds("<a{} href='{}'{}>{}</a>".format, ATTRIBUTES, ADDRESSES, ATTRIBUTES, WORDS)
VOIDS = IMAGES | st.just("<br>") | st.builds("<{}{}>".format, st.sampled_from(VOID), ATTRIBUTES)
FLAT = run(WORDS | WORDS | element(INLINE, WORDS) | LINKS | VOIDS)
LINES = run(WORDS | element(INLINE, FLAT) | LINKS | VOIDS)
BODIES = st.recursive(
    LINES, lambda inner: run(element(BLOCKS, inner) | element((*INLINE, *BLOCKS), inner)), max_leaves=8
)


def both_ways(source: str) -> tuple[Content, Content]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "Body", unusual)
        long = content.from_html(source, BASE)
    return content.from_html(source, BASE), long


def unusual(markup: str, base: str | None) -> Body:
    raise Unusual


@settings(max_examples=300, deadline=None)
@given(BODIES)
@example("<p>a <b>b </b>c</p><p> <i> d</i> <br> e</p>")
@example("<p>x <span>21 mins ago</span></p>")
@example("<p>5 mins a<br>go</p>")
@example("<div><p>5 mins</p> <p>ago</p></div>")
@example("<p>&amp; <b>5 mins ago</b></p>")
@example("<li>a<p>b</p>c<ul><li></ul>d</li>")
@example("<aside><a href='/x'>x</a></aside><a href='/x'>x</a>")
@example('<p a"b="c" <i="">x</p>')
@example('<p><a ="v href=" src="/x" href="/y">z</a></p>')
@example("<p><a href='/x'><a href='/y'>z</a></a></p>")
@example("<script><p>x</p></script><p>y</p>")
@example("<table>x<tr>y<td>z<p>a</table>")
@example("a <!-- c --> b<?x?> c")
@example("<p>x&#13;y</p>")
@example("<p>x <img src='/y'></p>")
@example("<p>q <a href='a b'>x</a> <a class='k' href='/x' title='t'>y</a></p>")
def test_a_body_comes_out_the_same_both_ways(source: str) -> None:
    short, long = both_ways(source)
    assert short == long


def test_usual_bodies_take_the_short_way() -> None:
    usual = [
        "<p>One <b>two</b> <a class='k' href='/x?utm_source=y'>three</a>.</p>\n<p>Four&nbsp;&amp; five<br>six</p>",
        "<div class='w'><h2> Head </h2><ul><li>a</li><li><p>b</p></li></ul><blockquote>q</blockquote></div>",
        "<figure class='k'><img src='/a.jpg' alt='b'><figcaption>c</figcaption></figure><p><span>x</span></p><hr>",
    ]
    for source in usual:
        root = content.tree(source)
        assert root is not None
        Body(etree.tostring(root, encoding="unicode"), BASE)
        short, long = both_ways(source)
        assert short == long
    with suppress(Unusual):
        Body("<p><iframe></iframe></p>", BASE)
        pytest.fail("a body of which something is left out took the short way")
