"""Kafka's default partitioner: vectors of UtilsTest.testMurmur2 (Apache Kafka) and of the Java producer."""

from __future__ import annotations

import pytest

from deltawire.log.partitioner import murmur2, partition_for, partition_for_key
from deltawire.log.port import LogError, Outgoing


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_kafkas(data: bytes, signed: int) -> None:
    assert murmur2(data) == signed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "partition"), [("", 681), ("a", 524), ("ab", 434), ("abc", 107), ("123456789", 566)])
def test_the_partition_of_a_thousand_is_the_java_producers(key: str, partition: int) -> None:
    assert partition_for_key(key, 1000) == partition


def test_partition_goes_before_partition_key_goes_before_key() -> None:
    def chosen(key: str | None, partition_key: str | None, partition: int | None) -> int:
        return partition_for(
            Outgoing(topic="t", key=key, value=b"", partition_key=partition_key, partition=partition), 1000
        )

    assert chosen("a", None, None) == 524
    assert chosen("a", "ab", None) == 434
    assert chosen("a", "ab", 7) == 7
    assert chosen(None, None, None) == 0
    with pytest.raises(LogError, match="t has 1000 partition"):
        chosen("a", "ab", 1000)
