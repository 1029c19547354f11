"""JSON by RFC 8259: what is JSON is accepted, what is not is refused with line and column, and nothing crashes.

After the plan of Seriot's JSONTestSuite; the cases are ours. We let through what sites really send although the RFC
forbids it, with a note: raw control characters in strings, lone surrogates, and NaN and infinities, which become null.
"""

from __future__ import annotations

import re

import pytest

from deltawire.formats.base import Raw, Unreadable
from deltawire.formats.foreign import load_json
from formats.docs import URL

ACCEPTED: dict[str, object] = {
    "[]": [],
    "{}": {},
    "0": 0,
    "-0": 0,
    "-1": -1,
    "1.5": 1.5,
    "1e2": 100.0,
    "1E+2": 100.0,
    "1E-2": 0.01,
    "0e1": 0.0,
    "-0.0": 0.0,
    "[123456789012345678901234567890]": [123456789012345678901234567890],
    '{"id":18446744073709551616}': {"id": 2**64},
    "[-9223372036854775809]": [-(2**63) - 1],
    "true": True,
    "false": False,
    "null": None,
    '""': "",
    '"a"': "a",
    ' "a" ': "a",
    "\t[\n1\r]\n": [1],
    '"\\"\\\\\\/\\b\\f\\n\\r\\t"': '"\\/\b\f\n\r\t',
    '"\\u0041"': "A",
    '"\\u00e9"': "é",
    '"\\u0000"': "\0",
    '"\\ud83d\\ude00"': "😀",
    '"\\uD83D\\uDE00"': "😀",
    '"\\uFFFF"': "\uffff",
    '"\\uFDD0"': "\ufdd0",
    '"\x7f"': "\x7f",
    '"\u2028\u2029"': "\u2028\u2029",
    '"€𝄞"': "€𝄞",
    '"/* no comment */"': "/* no comment */",
    '{"":0}': {"": 0},
    '{"a":1,"a":2}': {"a": 2},
    '{"a":[{"b":[]}]}': {"a": [{"b": []}]},
    '{"\\u0000":1}': {"\0": 1},
    "[[[[[[[[[[]]]]]]]]]]": [[[[[[[[[[]]]]]]]]]],
    "[1,2.0,null,true]": [1, 2.0, None, True],
    "\ufeff[1]": [1],
}

REFUSED = (
    *("[1", "[", "]", "{", "}", "[1}", "{]", "[1,]", "[,1]", "[1,,2]", "[,]", "[1 2]", "[1;2]", "1 2", "[1]]"),
    *("[1]x", '{"a"}', '{"a":}', '{"a" 1}', '{"a":1,}', "{,}", "{1:2}", "{a:1}", "{'a':1}", '{"a":1 "b":2}'),
    *('{"a"::1}', '{"a":1}}', '{"a":1,,"b":2}', '{"a":1]', '["a":1]', '{"a","b"}', "{null:1}", '{"a":"b"}#'),
    *('{"a":1}/* x */', "//x\n[]", "/**/[]", "tru", "nul", "fals", "True", "None", "NULL", "undefined"),
    *("truetrue", "nulll", "[tru]", "+1", ".5", "5.", "-", "--1", "-.5", "01", "-01", "1e", "1e+", "1.e1"),
    *("0x1F", "1_000", "1,000", "0b1", "1.2.3", "- 1", "1e1.5", "\uff11", "1a", "[1e+-2]", "Infinity1", "[-x]"),
    *("[+Inf]", "0.e1", "2.e3", "0e", "1eE2", "[1+2]", "[.]", "'a'", "a", '"a', '"\\"', '"\\x41"', '"\\u12"'),
    *('"\\u12G4"', '"\\', '"\\a"', '"\\U0041"', '"\\ "', '["a"b]', "\u201ca\u201d", '"a""b"', "`a`", '["a'),
    *('["a"', "[\\n]", "[\\u0020]", "<null>", "[<null>]", "*", "!", "[&]", "(1)", "[1\x00]", "\x00", "[\x0b1]"),
    *("[\x0c]", "[\xa0]", "[\u2060]", "\xe9", "[1\ufeff]", '{"a":"b",', '{"a":', '{"a', "[[[[", '[{"a":['),
    *("abc", "{{}}", "[}", '{"x":', '{"a" b}', '[""', '["",', "[1,\n1\n,1", "[{}", '{"a":{}'),
)  # fmt: skip

LET_THROUGH: dict[str, object] = {
    '"a\nb"': "a\nb",
    '"a\tb"': "a\tb",
    '"a\x1fb"': "a\x1fb",
    '"\\ud800"': "\ud800",
    '"\\udc00\\ud800"': "\udc00\ud800",
    '["\\ud83d"]': ["\ud83d"],
    "NaN": None,
    "[-Infinity]": [None],
    "[Infinity]": [None],
}

UNCLEAR = (
    *(b"1e999", b"-1e999", b"1e-999", b"[1.5e+9999]", b"0.4e00669999999999999999999", b"9" * 5000, b"-" + b"9" * 5000),
    *(b"[" * 500 + b"]" * 500, b"[" * 100_000, b'{"a":' * 100_000, b"[" * 1024 + b"]" * 1024, b"", b"\xef\xbb\xbf"),
    *(b'"\xff"', b'"\xc0\xaf"', b'"\xed\xa0\x80"', b'"\xf4\xbf\xbf\xbf"', b'"\xe2\x82"', b"\xff\xfe[\0]\0"),
    *(b"\xfe\xff\0[\0]", b"[\0]\0", b"\0[\0]", b'"\\uD800\\uD800\\n"', b'"\\uDFAA"', b'"\\uD888\\u1234"'),
)  # fmt: skip


def outcome(body: bytes) -> str:
    """The code of the refusal, and whether it names a place; or that there is none."""
    try:
        load_json(Raw(body=body, url=URL))
    except Unreadable as refusal:
        return refusal.code if re.search(r"line [123], column \d", str(refusal)) else f"{refusal.code} somewhere"
    return "accepted"


@pytest.mark.parametrize("text", ACCEPTED)
def test_what_is_json_is_accepted(text: str) -> None:
    found = load_json(Raw(body=text.encode(), url=URL))
    assert found.value == ACCEPTED[text]
    assert found.problems == []


def test_what_is_not_json_is_refused_with_its_place() -> None:
    outcomes = {text: outcome(text.encode()) for text in REFUSED}
    assert len(outcomes) > 120
    assert {text: found for text, found in outcomes.items() if found not in ("malformed", "cut-off")} == {}


@pytest.mark.parametrize("text", LET_THROUGH)
def test_what_sites_send_all_the_same_is_let_through_and_noted(text: str) -> None:
    found = load_json(Raw(body=text.encode(), url=URL))
    assert found.value == LET_THROUGH[text]
    assert [problem.code for problem in found.problems] == ["json-repaired"]


def test_what_the_rfc_leaves_open_never_crashes() -> None:
    assert {outcome(body) for body in UNCLEAR} == {"accepted", "malformed", "cut-off"}
