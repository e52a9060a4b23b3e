"""The one judgement that all Python clients share: everything is there, once, in order."""

import os

BOOTSTRAP = os.environ["BOOTSTRAP"]
RECORDS = int(os.environ["RECORDS"])
PARTITIONS = 3


def key(i):
    return f"key-{i % 97}"


def value(i):
    return f"{i}:" + "x" * (i % 200)


def judge(what, read):
    """`read` is [(partition, offset, key, value)] in the order in which the client saw it."""
    numbers = {}
    last_offset = {}
    last_of_key = {}
    for partition, offset, k, v in read:
        i = int(v.split(":", 1)[0])
        assert v == value(i) and k == key(i), f"{what}: record {i} came back changed"
        assert i not in numbers, f"{what}: record {i} came twice: {numbers[i]} and {(partition, offset)}"
        numbers[i] = (partition, offset)
        assert last_offset.get(partition, -1) < offset, f"{what}: offset {offset} of {partition} goes back"
        last_offset[partition] = offset
        assert last_of_key.get(k, -1) < i, f"{what}: record {i} of {k} is out of order"
        last_of_key[k] = i
    missing = set(range(RECORDS)) - set(numbers)
    assert not missing, f"{what}: {len(missing)} records missing, the first is {min(missing)}"
    partitions = {partition for partition, _ in numbers.values()}
    assert partitions == set(range(PARTITIONS)), f"{what}: only partitions {partitions} were used"
