"""Which partition a record goes to: Kafka's default partitioner, so that every engine agrees."""

from __future__ import annotations

from deltawire.log.port import LogError, Outgoing

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit MurmurHash2 that ``org.apache.kafka.common.utils.Utils.murmur2`` computes, as an unsigned number."""
    length = len(data)
    h = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _M & _MASK
        k = (k ^ k >> 24) * _M & _MASK
        h = h * _M & _MASK ^ k
    if whole < length:
        h = (h ^ int.from_bytes(data[whole:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_for_key(key: str, count: int) -> int:
    """The partition, of ``count``, of a key: the low 31 bits of its hash, modulo the count."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % count


def partition_for(record: Outgoing, count: int) -> int:
    """The partition, of ``count``, of a record; 0 where it names neither partition nor key.

    Raises:
        LogError: the record names a partition that does not exist.
    """
    if record.partition is not None:
        if not 0 <= record.partition < count:
            raise LogError(f"topic {record.topic} has {count} partition(s), no partition {record.partition}")
        return record.partition
    key = record.key if record.partition_key is None else record.partition_key
    if key is None or count == 1:
        return 0
    return partition_for_key(key, count)
