"""The configuration: precedence, and every mistake at once with its line and its mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from deltawire.config import Config
from deltawire.settings import ConfigError, Settings, load

CONTRACT = """\
[log]
url = "sqlite:///var/deltawire/log.db"
[store]
url = "sqlite:///var/deltawire/store.db"
[kafka]
topic_prefix = "deltawire"
partitions = 12
replication_factor = 3
[events]
source = "urn:deltawire:default"
[fetch]
allow_private_networks = false
per_host_connections = 4
per_host_rate = 2.0
live_interval = 15
[ops]
port = 0
[[feeds]]
id = "europe-live"
url = "https://example.org/europe/live"
format = "auto"
min_interval = 10
max_interval = 900
tags = ["world"]
[[series]]
id = "europe"
url = "https://example.org/europe"
match = "Europe live"
"""


def loaded(tmp_path: Path, text: str, **environ: str) -> Settings:
    path = tmp_path / "deltawire.toml"
    path.write_text(text, encoding="utf-8")
    return load(str(path), environ)


def mistakes(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        loaded(tmp_path, text, **environ)
    return [str(m).replace(str(tmp_path / "deltawire.toml"), "F") for m in raised.value.mistakes]


def test_the_file_of_the_contract_holds_the_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, CONTRACT)
    bare = Config()
    for section in ("log", "store", "kafka", "events", "fetch", "ops"):
        assert getattr(settings.config, section) == getattr(bare, section)
    assert settings.config.feeds[0].tags == ("world",)


def test_a_series_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    assert loaded(tmp_path, CONTRACT).warnings == ()


@pytest.mark.parametrize(
    ("keys", "mend"),
    [
        ('match = "/a(/"', "series[0].match: is no regular expression"),
        ('match = "/a{99999999999}/"', "series[0].match: is no regular expression: the repetition number is too large"),
        ('match = "***"', "series[0].match: holds no word"),
        ('match = "live"\nkeep = 0', "series[0].keep: must be 1 or more"),
        ('match = "live"\ninterval = 0', "series[0].interval: the interval must lie between"),
        (
            f'match = "live"\ntags = {["t"] * 101}',
            "series[0].tags: a feed has at most 100 tags of at most 100 characters",
        ),
        ('match = "live"\nid = "desk"', "series[0].id: 'desk' is a feed too"),
        (f'match = "live"\nid = "{"a" * 71}"', "series[0].id: is longer than 70 characters"),
    ],
)
def test_mistakes_in_a_series_are_told(tmp_path: Path, keys: str, mend: str) -> None:
    head = "" if "\nid" in keys else 'id = "europe"\n'
    feed = '[[feeds]]\nid = "desk"\nurl = "https://news.example/desk"\n'
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, f'{feed}[[series]]\n{head}url = "https://news.example/europe"\n{keys}\n')
    assert mend in str(error.value)


def test_tags_that_would_make_events_too_large_are_a_mistake(tmp_path: Path) -> None:
    for tags in (["t"] * 101, ["t" * 101]):
        with pytest.raises(ConfigError, match=r"feeds\[0\]\.tags: a feed has at most 100 tags"):
            loaded(tmp_path, f'[[feeds]]\nid = "desk"\nurl = "https://news.example/desk"\ntags = {tags}\n')


def test_every_mistake_is_told_at_once_with_its_line_and_its_mend(tmp_path: Path) -> None:
    text = """\
[fetch]
per_host_rates = 2
timeout = "soon"

[[feeds]]
id = "Europe Live"
url = "ftp://example.org/"

[[feeds]]
url = "https://example.org/"
min_intervall = 3

[[rules]]
id = "r"
regex = "("
"""
    found = mistakes(tmp_path, text)
    assert found == [
        "F:2: fetch.per_host_rates: unknown key; did you mean per_host_rate?",
        "F:3: fetch.timeout: expected float, got str",
        "F:6: feeds[0].id: 'Europe Live' must be 1 to 100 of the characters a to z, 0 to 9 and -",
        "F:7: feeds[0].url: must begin with http:// or https://, not 'ftp'",
        "F:9: feeds[1]: lacks id",
        "F:11: feeds[1].min_intervall: unknown key; did you mean min_interval?",
        "F:15: rules[0].regex: is no regular expression: missing ), unterminated subpattern at position 0",
    ]


def test_what_is_of_the_right_shape_is_checked_for_sense(tmp_path: Path) -> None:
    text = """\
[store]
url = "mysql://x"
[[feeds]]
id = "Europe Live"
url = "ftp://example.org/"
max_interval = 1
[[feeds]]
id = "b"
url = "https://example.org/"
[[feeds]]
id = "b"
url = "https:///path"
[[channels]]
id = "desk"
url = "https://example.org/hook"
secret = "whsec_c2hvcnQ="
[[rules]]
id = "r"
regex = "("
channels = ["desk", "desc"]
"""
    found = "\n".join(mistakes(tmp_path, text))
    for expected in (
        "F:2: store.url: ",
        "F:4: feeds[0].id: 'Europe Live' must be",
        "F:5: feeds[0].url: must begin with http",
        "F:6: feeds[0].max_interval: the interval must lie between",
        "F:11: feeds[2].id: 'b' is used twice",
        "F:12: feeds[2].url: names no host",
        "F:16: channels[0].secret: holds 5 bytes, not 24 to 64; make one with: echo whsec_",
        "F:19: rules[0].regex: is no regular expression",
        "F:20: rules[0].channels: no channel 'desc'; known: desk, log",
    ):
        assert expected in found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[feeds]\nid = 'x'\n", "F:1: feeds: must be written as [[feeds]]"),
        ("[[rules]]\nid='r'\nregex='a{99999999999}'\n", "F:3: rules[0].regex: is no regular expression: the repet"),
        ("[[channels]]\nid='c'\nurl='http://h/'\nsecret='whsec_é'\n", "F:4: channels[0].secret: is no base64 after"),
        ("[[feeds]]\nid='a'\nurl='http://h:45\",/'\n", "F:3: feeds[0].url: names a port that is no number"),
        ("[[feeds]]\nid='a'\nurl='http://h/a b'\n", "F:3: feeds[0].url: holds a space"),
        ("fetch = 3\n", "F:1: fetch: must be a table, written as [fetch]"),
        ("[fetch\n", "F:1: is not TOML"),
        ('[fetch]\ntimeout = 5\nuser_agent = "desk\n\n[ops]\n', "F:3: is not TOML"),
        ('[fetch]\nuser_agent = """desk\n\n\n', "F:2: is not TOML"),
        (
            "[[feeds]]\nid='a'\nurl='http://h/'\nformat='xml'\n",
            "F:4: feeds[0].format: invalid enum value 'xml'; known: auto, rss, atom,",
        ),
        (
            "[[rules]]\nid='r'\nsignificance=['big']\n",
            "F:3: rules[0].significance: invalid enum value 'big'; known: cosmetic, minor, substantive, unclassified",
        ),
        ("[fetsch]\n", "F:1: fetsch: unknown key; did you mean fetch?"),
        ("[store]\nurl = 'postgres://u:hunter2@h/d'\n", "F:2: store.url: must begin with sqlite:/// or postgresql://"),
        ("[store]\nurl = 'postgresql://u:hunter2/@h/d'\n", "F:2: store.url: cannot be read: within user and password"),
        ("[store]\nurl = 'postgresql://u:hunter2@h'\n", "F:2: store.url: names no database"),
        ("[store]\nhistory_days = -1\n", "F:2: store.history_days: must be 0 (no limit) or more"),
        ("[dead_letters]\nmax_ratio = 1.5\n", "F:2: dead_letters.max_ratio: must be 0 to 1, not 1.5"),
        ("[dead_letters]\nmax_consecutive = -1\n", "F:2: dead_letters.max_consecutive: must be 0 (stop at the first)"),
    ],
)
def test_what_is_wrong_is_one_sentence_without_secrets(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = mistakes(tmp_path, text)
    assert found.startswith(expected)
    assert "hunter2" not in found


def test_what_is_allowed_and_hardly_meant_is_a_warning(tmp_path: Path) -> None:
    text = """\
[[feeds]]
id = "a"
url = "https://example.org/"
[[series]]
id = "s"
url = "https://example.org/"
match = "live"
[[rules]]
id = "all"
[[rules]]
id = "some"
feeds = ["a", "s", "s-2026-03-01", "nosuch"]
[[rules]]
id = "gone"
types = ["removed"]
[[channels]]
id = "desk"
url = "http://127.0.0.1:9/hook"
secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
"""
    found = [str(w).replace(str(tmp_path / "deltawire.toml"), "F") for w in loaded(tmp_path, text).warnings]
    assert [warning.partition(";")[0] for warning in found] == [
        "F:8: rules[0]: rule all has no condition: every entry that is new or edited raises an alert",
        "F:12: rules[1].feeds: 'nosuch' is no feed or series of this configuration",
        "F:18: channels[0].url: is a loopback address, which is refused",
    ]
    assert len(loaded(tmp_path, f"{text}[fetch]\nallow_private_networks = true\n").warnings) == 2


@pytest.mark.parametrize(
    ("host", "by_default", "if_allowed"),
    [
        ("hooks.localhost", "a loopback address", None),
        ("100.64.0.1", "a private address", None),
        ("169.254.169.254", "a link-local address", "such addresses are never connected to"),
        ("desk.example", None, None),
    ],
)
def test_a_webhook_to_an_address_that_is_refused_is_told_with_its_mend(
    tmp_path: Path, host: str, by_default: str | None, if_allowed: str | None
) -> None:
    text = f"""\
[[channels]]
id = "desk"
url = "http://{host}/hook"
secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz"
"""
    mend = if_allowed or "set [fetch] allow_private_networks = true if that is meant"
    wanted = [f"channels[0].url: is {by_default}, which is refused; {mend}"] if by_default else []
    assert [warning.message for warning in loaded(tmp_path, text).warnings] == wanted
    allowed = loaded(tmp_path, f"{text}[fetch]\nallow_private_networks = true\n").warnings
    assert [warning.message for warning in allowed] == (wanted if if_allowed else [])


def test_the_environment_wins_and_is_named_as_the_origin(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "[fetch]\ntimeout = 5\n", DELTAWIRE_FETCH__TIMEOUT="7.5", DELTAWIRE_OPS__PORT="9090")
    assert settings.config.fetch.timeout == 7.5
    assert settings.config.ops.port == 9090
    assert settings.origins["fetch.timeout"] == "environment DELTAWIRE_FETCH__TIMEOUT"


def test_a_mistake_in_the_environment_is_told(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "", DELTAWIRE_FETCH__TIMOUT="5", DELTAWIRE_FETCH__ALLOW_PRIVATE_NETWORKS="maybe") == [
        "environment: DELTAWIRE_FETCH__TIMOUT: unknown setting; did you mean DELTAWIRE_FETCH__TIMEOUT?",
        "environment: DELTAWIRE_FETCH__ALLOW_PRIVATE_NETWORKS: expected bool, got str",
    ]


def test_variables_are_put_in_but_stay_in_the_addresses_of_feeds(tmp_path: Path) -> None:
    text = '[events]\nsource = "urn:${DESK}"\n[[feeds]]\nid = "a"\nurl = "https://example.org/?key=${KEY}"\n'
    config = loaded(tmp_path, text, DESK="night", KEY="hidden").config
    assert config.events.source == "urn:night"
    assert config.feeds[0].url == "https://example.org/?key=${KEY}"
    (warning,) = loaded(tmp_path, text, DESK="night").warnings
    assert warning.message.startswith("feeds[0].url: the environment variable KEY is not set")
    assert mistakes(tmp_path, text) == [
        "F:2: events.source: the environment variable DESK is not set; set it or write the value itself"
    ]
    assert load(str(tmp_path / "deltawire.toml"), {}, lenient=True).config.feeds


def test_lines_are_found_behind_strings_over_several_lines(tmp_path: Path) -> None:
    text = '[[rules]]\nid = "r"\nany = [\n  "x",\n]\nregex = """\n[fetch]\n"""\nidd = 1\n'
    assert mistakes(tmp_path, text) == ["F:9: rules[0].idd: unknown key; did you mean id?"]


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load(str(tmp_path / "none.toml"), {})
