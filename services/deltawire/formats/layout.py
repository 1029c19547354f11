"""Lays the nodes of a body out as canonical HTML and as text, both from the same walk so that they cannot disagree."""

from __future__ import annotations

import html

from deltawire.formats.text import RELATIVE_TIME_LIMIT, is_relative_time, words

BLOCKS = words("p blockquote ul ol li dl dt dd h1 h2 h3 h4 h5 h6 pre figure figcaption hr table caption tr td th")
# What may hold only text of its own keeps it bare; everything else has its loose text wrapped in a paragraph.
_WRAPS = frozenset({"", "blockquote"})
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
            inner.flow(node.children, wrap=node.tag in _WRAPS)
            if inner.html:
                self.regular = self.regular and inner.regular and self._may_hold(node.tag)
                self.html += [f"<{node.tag}{node.attributes}>", *inner.html, f"</{node.tag}>"]
                self.text += inner.text
                self._bare = False

    def _may_hold(self, tag: str) -> bool:
        """Whether a block stands where it belongs: inline elements and those for text of their own hold none."""
        around = self._tag
        return (
            (around in _ONLY_IN[tag] if tag in _ONLY_IN else tag in BLOCKS)
            and (not around or around in BLOCKS)
            and (around not in _ONLY_HOLDS or tag in _ONLY_HOLDS[around])
        )

    def _run(self, nodes: list[Node | str], *, wrap: bool) -> None:
        if not nodes:
            return
        line = _Line()
        line.add(nodes)
        markup = "".join(line.html)
        if markup:
            if self._bare and not wrap:
                self.html.append("<br>")
            self._bare = not wrap
            self.html.append(f"<p>{markup}</p>" if wrap else markup)
            # Loose text that says when it was written is dropped where it stands in an element of its own.
            self.regular = (
                self.regular
                and self._tag not in ("table", "tr")
                and (not wrap or self._may_hold("p"))
                and not (len(markup) <= RELATIVE_TIME_LIMIT and is_relative_time("".join(line.text)))
            )
            self.text += [part for part in map(str.strip, "".join(line.text).split("\n")) if part]


class _Line:
    """One run of inline content. A space is written once, outside of the elements that begin or end beside it."""

    def __init__(self) -> None:
        self.html: list[str] = []
        self.text: list[str] = []
        self._gap = 0
        self._space = False
        self._begun = False
        self._breaks = 0

    def add(self, nodes: list[Node | str]) -> None:
        for node in nodes:
            if isinstance(node, str):
                self._words(node)
            elif node.tag == "br":
                self._breaks += self._begun
            elif node.tag == "img":
                self._before()
                self.html.append(f"<img{node.attributes}>")
                self._gap = len(self.html)
            else:
                self._element(node)

    def _element(self, node: Node) -> None:
        start, gap = len(self.html), self._gap
        self.html.append(f"<{node.tag}{node.attributes}>")
        self.add(node.children)
        if self._gap == gap:
            del self.html[start:]
        else:
            self.html.append(f"</{node.tag}>")
            self._gap = len(self.html)

    def _words(self, source: str) -> None:
        words = " ".join(source.split())
        self._space = self._space or source[:1].isspace()
        if not words:
            return
        self._before()
        self.html.append(html.escape(words, quote=False))
        self.text.append(words)
        self._gap = len(self.html)
        self._space = source[-1:].isspace()

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
