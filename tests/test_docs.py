"""The documentation names what there is, with its real defaults."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from deltawire import telemetry
from deltawire.cli.config import leaves
from deltawire.config import ChannelConfig, Config, FeedConfig, FormatName, RuleConfig, SeriesConfig
from deltawire.formats.registry import FORMATS
from deltawire.log.topics import Topics

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("key", "value"), list(leaves(msgspec.to_builtins(Config()))))
def test_every_setting_is_documented_with_its_default(key: str, value: object) -> None:
    if value not in ([], ()):
        assert f"| `{key}` | `{msgspec.json.encode(value).decode()}` |" in read("docs/configuration.md")


@pytest.mark.parametrize("kind", [FeedConfig, SeriesConfig, RuleConfig, ChannelConfig])
def test_every_key_of_a_list_of_tables_is_documented(kind: type[msgspec.Struct]) -> None:
    text = read("docs/configuration.md")
    assert all(f"`{field.name}`" in text for field in msgspec.structs.fields(kind))


def test_every_format_and_every_topic_is_documented() -> None:
    assert all(f"`{name}`" in read("docs/configuration.md") for name in FORMATS)
    assert all(f"`{topic.name}`" in read("docs/architecture.md") for topic in Topics())


def test_every_metric_is_documented() -> None:
    text = read("docs/operations.md")
    for metric in telemetry.registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert f"`{name}`" in text


def test_every_log_line_is_documented() -> None:
    text = read("docs/operations.md")
    said = re.compile(r"""(?:logger\.(?:info|warning|error)|_complain)\(\s*"([a-z]+\.[a-z_]+)\"""")
    sources = (ROOT / "services/deltawire").rglob("*.py")
    names = {name for source in sources for name in said.findall(source.read_text(encoding="utf-8"))}
    assert len(names) > 40
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_the_configuration_knows_every_format() -> None:
    assert set(get_args(FormatName)) == {"auto", *FORMATS}
