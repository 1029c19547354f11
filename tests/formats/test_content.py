"""Bodies come out the same however they were rendered, and harmless however they were meant."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import deltawire.formats.content
from deltawire.formats.content import MAX_HTML, Content, from_html, from_markup, from_text
from deltawire.formats.text import _UNWANTED, clean, decode, is_printable, is_relative_time, line, words
from deltawire.formats.urls import canonical_image, canonical_url

BASE = "https://harbour.example/live/storm"


def test_html_is_rebuilt_from_an_allow_list() -> None:
    content = from_html(
        '<div class="a" id="x" data-z="1"><p style="color:red">All <strong>six</strong>\n sailings</p>'
        "<script>alert(1)</script><ul><li>one</li> <li>two</li></ul></div>"
    )
    assert content.html == "<p>All <b>six</b> sailings</p><ul><li>one</li><li>two</li></ul>"
    assert content.text == "All six sailings\none\ntwo"


NOISE = {
    "attribute order": (
        '<a href="/x" title="t">y</a><img src="/i.jpg" alt="k">',
        '<a title="t" href="/x">y</a><img alt="k" src="/i.jpg">',
    ),
    "white space": (
        "<p>one <b>two</b> three</p><p>four</p>",
        "\n<p>\n one\n<b> two </b>three </p>\n\n<p>four&nbsp;</p> ",
    ),
    "element ids": ('<p id="e1">x</p>', '<p id="e2" class="k" data-element-id="9">x</p>'),
    "tracking parameters": ('<a href="/x?a=1">y</a>', '<a href="/x?utm_source=t&a=1&fbclid=2&gclid=3&mc_cid=4">y</a>'),
    "image cache busters": ('<img src="/i.jpg?w=2&r=1741000000">', '<img src="/i.jpg?w=2&r=1741000999">'),
    "relative times": ("<p>x <span>21 mins ago</span></p>", "<p>x <span>2 hours ago</span></p>"),
    "a relative time that comes": ("<p>x</p>", "<p>x</p><div><time>Updated 5 minutes ago</time></div>"),
    "wrappers": ("<p>x</p><p>y</p>", "<div><section><p><span>x</span></p></section></div><p><font>y</font></p>"),
    "comments": ("<p>x</p>", "<!-- 12:00:01 --><p>x<!-- k --></p>"),
    "entities": ("<p>a &amp; b – c</p>", "<p>a &#38; b &#x2013; c</p>"),
}


@pytest.mark.parametrize("pair", NOISE.values(), ids=NOISE.keys())
def test_renders_that_differ_in_noise_alone_are_equal(pair: tuple[str, str]) -> None:
    assert from_html(pair[0], BASE) == from_html(pair[1], BASE)
    assert from_html(pair[0], BASE).html


def test_text_that_merely_contains_a_relative_time_stays() -> None:
    assert from_html("<p>The ferry left 21 mins ago</p>").text == "The ferry left 21 mins ago"


@pytest.mark.parametrize(
    "text", ["21 mins ago", "Updated 5 minutes ago", "just now", "1h ago", "an hour ago", "2h 5m ago"]
)
def test_relative_times_are_recognised(text: str) -> None:
    assert is_relative_time(text)


@pytest.mark.parametrize("text", ["long ago", "21 minutes", "ago", "5 ferries ago", "now", ""])
def test_other_texts_are_no_relative_times(text: str) -> None:
    assert not is_relative_time(text)


def test_blocks_are_paragraphs_of_the_text_and_breaks_are_lines() -> None:
    content = from_html("loose <div>a<br>b</div>tail<blockquote>q &lt;x&gt;</blockquote>")
    assert content.text == "loose\na\nb\ntail\nq <x>"
    assert content.html == "<p>loose</p><p>a<br>b</p><p>tail</p><blockquote><p>q &lt;x&gt;</p></blockquote>"


def test_spaces_stand_between_inline_elements_not_inside_them() -> None:
    assert from_html("<p>x <b>y </b>z<i> w</i></p>").html == "<p>x <b>y</b> z <i>w</i></p>"


def test_links_and_media_are_collected_with_absolute_addresses() -> None:
    content = from_html(
        '<aside>Related: <a href="../older?utm_medium=x#top">An <b>older</b> one</a></aside>'
        '<img data-src="/a.jpg" src="data:image/gif;base64,AA" alt=" A  wave ">'
        '<iframe src="//video.example/1" title="V"></iframe>',
        BASE,
    )
    assert [(link.url, link.text, link.rel) for link in content.links] == [
        ("https://harbour.example/older#top", "An older one", "related")
    ]
    assert [(medium.url, medium.type, medium.alt) for medium in content.media] == [
        ("https://harbour.example/a.jpg", "image", "A wave"),
        ("https://video.example/1", "embed", "V"),
    ]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="javascript:alert(1)">x</a>',
        '<a href=" java\nscript:alert(1)">x</a>',
        '<a href="data:text/html,x">x</a>',
        '<p onclick="alert(1)">x</p>',
        "<svg><script>alert(1)</script></svg>x",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>x",
        '<img src="x" onerror="alert(1)">x',
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>x',
        '<iframe srcdoc="<script>alert(1)</script>"></iframe>x',
    ],
)
def test_nothing_that_runs_survives(html: str) -> None:
    result = from_html(html, BASE).html
    assert not any(
        word in result.lower() for word in ("script", "onerror=", "onclick", "data:", "<svg", "style", "iframe")
    )


def test_nul_control_characters_and_lone_surrogates_are_stripped() -> None:
    for content in (from_html("<p>a\0b\x07c\ud800d</p>"), from_text("a\0b\x07c\ud800d"), from_html("a&#0;b&#xD800;c")):
        content.html.encode()
        assert not any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in content.html + content.text)
    assert from_html("<p>a\0b\x07c\ud800d</p>").text == "abcd"


@settings(max_examples=100, deadline=None)
@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_ascii_is_cleaned_as_all_other_text(text: str) -> None:
    assert clean(text) == _UNWANTED.sub("", text)
    assert is_printable(text) == text.isprintable()


def test_html_beyond_the_cap_is_cut_and_noted() -> None:
    paragraph = f"<p>{'word' * 50}</p>"
    content = from_html(paragraph * (MAX_HTML // len(paragraph) + 2))
    assert [problem.code for problem in content.problems] == ["content-cut"]
    assert MAX_HTML - 4 <= len(content.html) <= MAX_HTML + 4


LONG = "word " * (MAX_HTML // 5 + 10)
LONG_BODIES = {
    "a paragraph": f"<p>{LONG}</p>",
    "an unclosed paragraph": f"<p>{LONG}",
    "text": LONG,
    "text with a lesser-than": f"1 < 2 {LONG}",
    "ampersands": f"<p>{'word &amp; ' * (MAX_HTML // 11 + 10)}</p>",
    "text after a picture as an address": f'<p><img src="data:image/png;base64,{"A" * MAX_HTML}">word</p>',
    "text after a comment": f"<!--{LONG}--><p>word</p>",
    "text after white space": "\n" * MAX_HTML + "word",
}


@pytest.mark.parametrize("body", LONG_BODIES.values(), ids=LONG_BODIES.keys())
@pytest.mark.parametrize("canonical", [from_html, from_markup])
def test_no_body_becomes_empty_because_it_is_long(canonical: Callable[[str], Content], body: str) -> None:
    before = time.process_time()
    content = canonical(body)
    assert time.process_time() - before < 3
    assert len(content.text) >= (MAX_HTML // 2 if body.count("word") > 1 and "-->" not in body else 4)
    assert content.html.startswith("<p>")


def test_wide_characters_up_to_the_cap_are_all_kept() -> None:
    content = from_html(f"<p>{'漢' * (MAX_HTML - 7)}</p>")
    assert content.text.count("漢") == MAX_HTML - 7


def test_ampersands_stay_what_they_are() -> None:
    body = (
        '<p>a&amp;lt;b &#xFFFF;&amp;amp; <a href="/?a=1&amp;amp;b=2&amp;c">x&uffff;</a><img src="/i?x=1&y" alt="&"></p>'
    )
    assert from_html(body, BASE).html == (
        '<p>a&amp;lt;b &amp;amp; <a href="https://harbour.example/?a=1&amp;amp;b=2&amp;c">x&amp;uffff;</a>'
        '<img alt="&amp;" src="https://harbour.example/i?x=1&amp;y"></p>'
    )


def test_a_cut_that_falls_inside_a_tag_costs_no_text() -> None:
    for tail in ("<", "</", "</p", "<i", "<!"):
        filling = "x" * (MAX_HTML - 3 - len(tail))
        assert from_html(f"<p>{filling}{tail}i>y</i>").html == f"<p>{filling}</p>"


@pytest.mark.parametrize(
    "bomb",
    [
        "<font size=1>x" * (MAX_HTML // 14),
        "<div>x" * 40_000,
        "<a><div>x" * 20_000,
        "<b><i>x" * 20_000,
        "<font>x<table><td></font></table>" * 5_000,
        "<!--x" * 40_000,
        "x<p " + " ".join(f"a{n}=1" for n in range(50_000)) + ">x</p>",
    ],
    ids=["font", "div", "a-div", "formatting", "table", "comment", "attributes"],
)
def test_nesting_bombs_are_read_quickly_as_text(bomb: str) -> None:
    before = time.process_time()
    content = from_html(bomb)
    assert time.process_time() - before < 2
    assert set(content.text.split()) <= {"x"}


def test_markup_too_deep_for_the_parser_keeps_all_its_text() -> None:
    content = from_html("<div><p>before</p>" + "<div>" * 400 + "deep &amp; far" + "</div>" * 400 + "after</div>")
    assert content.text.split("\n") == ["before", "deep & far", "after"]
    assert [problem.code for problem in content.problems] == ["content-simplified"]


@pytest.mark.parametrize("tail", ['<a href="http', "<!-- cut", "<b"])
def test_a_tag_cut_in_two_at_the_end_costs_no_text(tail: str) -> None:
    content = from_html("<p>kept <b>bold</b></p>" + tail)
    assert content.html == "<p>kept <b>bold</b></p>"
    assert not content.problems


def test_what_html_cannot_nest_like_that_is_repaired() -> None:
    assert from_html("<td>cell</td>").html == "<p>cell</p>"


TAGS = sorted(
    words("a b i u s p q h1 h3 hr br li ul ol dl dt dd td th tr div del img pre code span table tbody caption aside")
    | words("blockquote figure figcaption section font ruby form select option script svg iframe nobr center title")
)
TEXTS = (
    *(
        "x",
        " ",
        "y z",
        "\n",
        "&nbsp;",
        "&amp;",
        "<",
        "1 < 2",
        "5 mins ago",
        "just now",
        "\u200b",
        "&lt;b&gt;",
        "&#0;",
        "&#xE000;",
        "&#1;",
    ),
    *("\u2028", "\x85", "\ufeff", "&#xD800;", "'", '"', f"5{' ' * 70}mins ago"),
)
ATTRIBUTES = ("", "", " href=\"/x?a=1&b='c'\"", ' href="javascript:x"', ' src="/i.jpg?a=1&b=2" alt=" k\'s  &quot;l"')


def element(tag: str, attributes: str, inner: str, end: str) -> str:
    return f"<{tag}{attributes}>{inner}{f'</{end or tag}>' if end != '-' else ''}"


ENDS = st.sampled_from(["", "", "", "-", *TAGS])
SOUP = st.recursive(
    st.sampled_from(TEXTS),
    lambda inner: st.builds(
        element,
        st.sampled_from(TAGS),
        st.sampled_from(ATTRIBUTES),
        st.lists(inner, max_size=4).map("".join),
        ENDS,
    ),
    max_leaves=14,
)
DEEP = st.builds(
    lambda tags, depth, inner: (
        "".join(f"<{tag}>" for tag in tags * depth)
        + inner
        + "".join(f"</{tag}>" for tag in reversed(tags * depth))
        + "z"
    ),
    st.lists(st.sampled_from(TAGS), min_size=1, max_size=3),
    st.sampled_from([19, 20, 21, 30, 60, 61, 63, 64, 65, 70, 130]),
    SOUP,
)


@settings(max_examples=200, deadline=None)
@given(SOUP | DEEP)
@example('<div>a<a href="/x"><p>b</p></a><table><tr><td>c<td>d</table><h2>e<p>f</h2></div>')
@example("<table>x")
@example("<font>x" * 300 + "<p>5 mins ago")
@example("<b>" * 70 + "x")
@example("<p>just now <b>5 mins ago</b></p>")
@example("x<div></div>5 mins ago")
@example("<tr>y z<form>x</form>")
@example("<h3><div><p>u")
@example("<figure><hr><b>x<pre>y</pre></b></figure>")
def test_canonical_html_is_a_fixed_point(source: str) -> None:
    once = from_html(source, BASE)
    again = from_html(once.html, BASE)
    assert (again.html, again.text) == (once.html, once.text)
    assert not again.problems
    assert {link.url for link in again.links} <= {link.url for link in once.links}
    assert {medium.url for medium in again.media} <= {medium.url for medium in once.media}


@pytest.mark.parametrize("source", ["<li>x<hr><p>5 mins ago</p>" * 3, "<tr>y z<form>x</form>", "<table>x<p>just now"])
def test_a_body_that_does_not_stand_still_in_time_becomes_text(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    monkeypatch.setattr(deltawire.formats.content, "MOST_READINGS", 0)
    once = from_html(source, BASE)
    assert [problem.code for problem in once.problems] == ["content-simplified"]
    monkeypatch.undo()
    assert from_html(once.html, BASE).html == once.html
    assert set(once.text.split()) <= {"x", "y", "z"}


def test_a_body_as_publishers_write_it_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def readings(source: str) -> int:
        count = 0
        once = deltawire.formats.content._once

        def counted(source: str, base: str | None) -> tuple[Content, bool]:
            nonlocal count
            count += 1
            return once(source, base)

        with monkeypatch.context() as patch:
            patch.setattr(deltawire.formats.content, "_once", counted)
            from_html(source, BASE)
        return count

    body = """<div><h2>The storm's "eye"</h2><p>a <a href="/x?a=1&b='c'">b <b>c</b></a><br>d &lt; e</p>
        <ul><li>f<ul><li>g</li></ul></li></ul><blockquote>h</blockquote>
        <figure><img src="/i.jpg" alt="the storm's &quot;eye&quot; < & >"><figcaption>k</figcaption></figure>
        <table><caption>l</caption><tbody><tr><th>m</th><td><p>n</p></td></tr></tbody></table><dl><dt>o</dt><dd>p</dd></dl>
        <iframe src="https://video.example/1"></iframe><script>q()</script></div>"""
    assert readings(body) == 1
    assert readings("<table>x") > 1


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("It&#39;s &quot;on&quot;\nnow", '<p>It\'s "on"</p><p>now</p>'),
        ("&lt;p&gt;It&amp;#39;s on&lt;/p&gt;", "<p>It's on</p>"),
        ("one <strong>two</strong>\nthree", "<p>one <b>two</b><br>three</p>"),
        ("a < b and c > d", "<p>a &lt; b and c &gt; d</p>"),
    ],
)
def test_bodies_declared_as_text_may_be_escaped_or_marked_up(body: str, html: str) -> None:
    assert from_markup(body).html == html


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://Harbour.EXAMPLE:443/A?b=1&UTM_Source=x&a=2#f", "https://harbour.example/A?b=1&a=2#f"),
        ("../x y", "https://harbour.example/x%20y"),
        ("//cdn.example", "https://cdn.example/"),
        ("#block", "https://harbour.example/live/storm#block"),
        ("mailto:desk@harbour.example", "mailto:desk@harbour.example"),
        ("https://x.example/?utm_campaign=1", "https://x.example/"),
        ("ftp://x.example/", None),
        ("javascript:alert(1)", None),
        ("http://[::1", None),
        ("", None),
        ("https://x.example/" + "a" * 5000, None),
    ],
)
def test_addresses_are_canonical_or_none(url: str, canonical: str | None) -> None:
    assert canonical_url(url, BASE) == canonical


def test_only_images_lose_cache_busters() -> None:
    assert canonical_image("https://x.example/a.avif?1721299777418") == "https://x.example/a.avif"
    assert canonical_image("https://x.example/a.jpg?v=12&w=3") == "https://x.example/a.jpg?v=12&w=3"
    assert canonical_url("https://x.example/a?t=1721299777") == "https://x.example/a?t=1721299777"


def test_a_line_has_no_markup_and_no_breaks() -> None:
    assert line(" It&#39;s <em>on</em>\n\tnow ") == "It's on now"
    assert line("a < b > c") == "a < b > c"
    assert line("  ") is None
    assert line(None) is None


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode("latin-1"), "text/xml; charset=iso-8859-1", "é"),
        ("\ufeffé".encode(), "text/xml; charset=iso-8859-1", "é"),
        (b'<?xml version="1.0" encoding="windows-1252"?>\x93', None, '<?xml version="1.0" encoding="windows-1252"?>“'),
        ("\ufeffé".encode("utf-16-le"), None, "é"),
        ("é".encode(), None, "é"),
    ],
)
def test_bytes_are_decoded_by_mark_then_header_then_declaration(
    body: bytes, content_type: str | None, text: str
) -> None:
    assert decode(body, content_type) == (text, None)


@pytest.mark.parametrize("codec", ["punycode", "undefined", "idna", "utf-7", "no-such-codec", "rot13", "zip"])
def test_codecs_beyond_the_allow_list_are_not_used(codec: str) -> None:
    text, wrong = decode(b"abc", f"text/xml; charset={codec}")
    assert text == "abc"
    assert wrong is not None
    assert codec in wrong


def test_bad_bytes_are_read_as_windows_1252_and_noted() -> None:
    text, wrong = decode(b"ok \x93q\x94", None)
    assert text == "ok “q”"
    assert wrong is not None
    assert "byte 3" in wrong
