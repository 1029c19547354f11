"""Lays the nodes of a body out as canonical HTML and as text, both from the same walk so that they cannot disagree."""

from __future__ import annotations

import html
from functools import cache

from deltawire.formats.text import RELATIVE_TIME_LIMIT, is_relative_time, words

BLOCKS = words("p blockquote ul ol li dl dt dd h1 h2 h3 h4 h5 h6 pre figure figcaption hr table caption tr td th")
INLINE = words("a b i u ins del sub sup small mark code q cite abbr kbd br img")
BOUNDARIES = words(
    "div section article aside header footer main nav address center details summary fieldset thead tbody tfoot "
    "body html picture hgroup dir menu"
)
DROPPED = words(
    "script style template noscript head title iframe object embed applet svg math form button select textarea input "
    "canvas audio video map frame frameset noframes"
)
SOURCES = ("src", "data-src", "data-original")
"""Where a picture's address stands, that of a page that loads it late too."""
RENAMED = {"strong": "b", "em": "i", "strike": "del", "s": "del"}
# What may hold only text of its own keeps it bare; everything else has its loose text wrapped in a paragraph.
WRAPS = frozenset({"", "blockquote"})
# Parsers move what stands elsewhere, or close what is open around it.
_ONLY_IN = {
    **dict.fromkeys(("td", "th"), frozenset({"tr"})),
    **dict.fromkeys(("tr", "caption"), frozenset({"table"})),
    **dict.fromkeys(("dt", "dd"), frozenset({"dl"})),
    "li": frozenset({"ul", "ol"}),
}
_ONLY_HOLDS = {
    "table": frozenset({"tr", "caption"}),
    "tr": frozenset({"td", "th"}),
    **dict.fromkeys(words("p h1 h2 h3 h4 h5 h6 pre dt caption"), frozenset[str]()),
}


class Node:
    """An element. ``tag`` is "" for a wrapper that only separates blocks; ``attributes`` is ready to be written."""

    __slots__ = ("attributes", "block", "children", "tag")

    def __init__(self, tag: str, attributes: str, children: list[Node | str]) -> None:
        self.tag = tag
        self.attributes = attributes
        self.children = children
        self.block: bool = (
            tag == "" or tag in BLOCKS or any(isinstance(child, Node) and child.block for child in children)
        )


class Layout:
    """Collects ``html`` (pieces to be joined) and ``text`` (one line a block or forced break).

    ``regular`` says that the elements stand where HTML has them, so that every parser makes the same tree of them.
    """

    def __init__(self, tag: str = "") -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self.regular = True
        self._tag = tag
        self._bare = False

    def flow(self, nodes: list[Node | str], *, wrap: bool) -> None:
        """Lay out a mixed sequence: runs of inline nodes (as paragraphs, if ``wrap``) and blocks."""
        run: list[Node | str] = []
        for node in nodes:
            if isinstance(node, str) or not node.block:
                run.append(node)
                continue
            self._run(run, wrap=wrap)
            run = []
            self._block(node, wrap=wrap)
        self._run(run, wrap=wrap)

    def _block(self, node: Node, *, wrap: bool) -> None:
        if node.tag == "hr":
            self.html.append("<hr>")
            self._bare = False
        elif node.tag == "p":
            # A paragraph that holds blocks is a wrapper in all but name: HTML has no such thing.
            self.flow(node.children, wrap=True)
        elif node.tag == "":
            self.flow(node.children, wrap=wrap)
        else:
            inner = Layout(node.tag)
            inner.flow(node.children, wrap=node.tag in WRAPS)
            if inner.html:
                self.regular = self.regular and inner.regular and may_hold(self._tag, node.tag)
                self.html += [f"<{node.tag}{node.attributes}>", *inner.html, f"</{node.tag}>"]
                self.text += inner.text
                self._bare = False

    def _run(self, nodes: list[Node | str], *, wrap: bool) -> None:
        if not nodes:
            return
        line = Line()
        line.add(nodes)
        markup, text = "".join(line.html), "".join(line.text)
        if markup:
            if self._bare and not wrap:
                self.html.append("<br>")
            self._bare = not wrap
            self.html.append(f"<p>{markup}</p>" if wrap else markup)
            # Loose text that says when it was written is dropped where it stands in an element of its own.
            self.regular = (
                self.regular
                and self._tag not in ("table", "tr")
                and (not wrap or may_hold(self._tag, "p"))
                and not (len(markup) <= RELATIVE_TIME_LIMIT and is_relative_time(text))
            )
            self.text += lines(text)


@cache
def may_hold(around: str, tag: str) -> bool:
    """Whether a block stands where it belongs: inline elements and those for text of their own hold none."""
    return (
        (around in _ONLY_IN[tag] if tag in _ONLY_IN else tag in BLOCKS)
        and (not around or around in BLOCKS)
        and (around not in _ONLY_HOLDS or tag in _ONLY_HOLDS[around])
    )


def lines(text: str) -> list[str]:
    """The lines of a run: it is parted where a break was forced."""
    if "\n" not in text:
        return [text] if (text := text.strip()) else []
    return [part for line in text.split("\n") if (part := line.strip())]


class Line:
    """One run of inline content. A space is written once, outside of the elements that begin or end beside it."""

    def __init__(self) -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self._open: list[tuple[int, int]] = []
        self._gap = 0
        self._space = False
        self._begun = False
        self._breaks = 0

    def add(self, nodes: list[Node | str]) -> None:
        for node in nodes:
            if isinstance(node, str):
                words = " ".join(node.split())
                before, after = node[:1].isspace(), node[-1:].isspace()
                self.write(html.escape(words, quote=False), words, before=before, after=after)
            elif node.tag == "br":
                self.break_()
            elif node.tag == "img":
                self.picture(node.attributes)
            else:
                self.begin(node.tag, node.attributes)
                self.add(node.children)
                self.end(node.tag)

    def begin(self, tag: str, attributes: str) -> None:
        self._open.append((len(self.html), self._gap))
        self.html.append(f"<{tag}{attributes}>")

    def end(self, tag: str) -> None:
        start, gap = self._open.pop()
        if self._gap == gap:
            del self.html[start:]
        else:
            self.html.append(f"</{tag}>")
            self._gap = len(self.html)

    def break_(self) -> None:
        self._breaks += self._begun

    def picture(self, attributes: str) -> None:
        self._before()
        self.html.append(f"<img{attributes}>")
        self._gap = len(self.html)

    def write(self, markup: str, words: str, *, before: bool, after: bool) -> None:
        """Words, single-spaced, and the same as markup; whether white space stood before and after them."""
        self._space = self._space or before
        if not words:
            return
        self._before()
        self.html.append(markup)
        self.text.append(words)
        self._gap = len(self.html)
        self._space = after

    def _before(self) -> None:
        """Write the breaks or the space that are due before what comes now."""
        if self._breaks:
            self.html.insert(self._gap, "<br>" * min(self._breaks, 2))
            self.text.append("\n")
        elif self._space and self._begun:
            self.html.insert(self._gap, " ")
            self.text.append(" ")
        self._breaks = 0
        self._space = False
        self._begun = True
