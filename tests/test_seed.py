"""What a start follows, and what it says of that."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from deltawire.cli.run import seed
from deltawire.config import Config, FeedConfig
from deltawire.log.sqlite import SqliteLog
from deltawire.log.topics import Topics

topics = Topics()
ONE, TWO = "https://blog.test/one", "https://blog.test/two"


async def test_addresses_of_earlier_commands_that_are_followed_too_are_told(tmp_path: Path) -> None:
    log = await SqliteLog.open(tmp_path / "log.db", topics, serve=False, maintenance_interval=None)
    config = Config(feeds=(FeedConfig(id="harbour", url="https://blog.test/harbour"),))
    with capture_logs() as lines:
        await seed(log, topics, config, [ONE])
        await seed(log, topics, config, [ONE])
        assert not [line for line in lines if line["event"] == "feeds.remembered"]
        await seed(log, topics, config, [TWO])
    (line,) = [line for line in lines if line["event"] == "feeds.remembered"]
    assert (line["count"], line["feeds"], line["log_level"]) == (1, ["blog-test-one"], "info")
    assert "feeds remove" in line["what_to_do"]
    await log.close()
