"""confluent-kafka with acks=all and idempotence while the leader of its partition is killed, again
and again: every record whose delivery was reported is there, once, in order."""

import os
import subprocess
import threading

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from check import BOOTSTRAP

KILLS = int(os.environ.get("KILLS", "20"))
PROGRAM = [os.environ["CHRONIK_BIN"]]
CLUSTER = ["--cluster", os.environ["CLUSTER"], "-q"]
TOPIC = "orders"


def chronik(*words):
    subprocess.run([*PROGRAM, *words, *CLUSTER], check=True, stdout=subprocess.DEVNULL, timeout=120)


def produce(done, acked, failures):
    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 2,
        "message.timeout.ms": 120000,
        "log_level": 0,
    })

    def delivered(error, message):
        if error is not None:
            failures.append(error)
        else:
            acked.append((int(message.value()), message.offset()))

    i = 0
    while not done.is_set():
        try:
            producer.produce(TOPIC, str(i), partition=0, on_delivery=delivered)
            i += 1
        except BufferError:
            producer.poll(0.05)
        producer.poll(0.0005)
    assert producer.flush(120) == 0, "not everything was delivered in 120 s"
    return i


def read(end):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": "kills",
        "enable.auto.commit": False,
        "log_level": 0,
    })
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    values = []
    idle = 0
    while len(values) < end and idle < 60:
        messages = [message for message in consumer.consume(5000, 1.0) if message.error() is None]
        idle = 0 if messages else idle + 1
        values += [(int(message.value()), message.offset()) for message in messages]
    consumer.close()
    return values


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    admin.create_topics([NewTopic(TOPIC, 3, 3)])[TOPIC].result(30)
    done, acked, failures, sent = threading.Event(), [], [], []
    worker = threading.Thread(target=lambda: sent.append(produce(done, acked, failures)))
    worker.start()
    for kill in range(KILLS):
        # A kill counts when acks flow before it and after it.
        before = len(acked)
        while len(acked) < before + 200:
            assert worker.is_alive(), "the producer ended early"
            done.wait(0.01)
        chronik("kill", f"leader:{TOPIC}/0")
        chronik("start", "all")
    done.set()
    worker.join()
    assert not failures, failures[:3]
    values = read(len(acked))
    numbers = [value for value, _ in values]
    assert numbers == sorted(set(numbers)), "records came twice or out of order"
    there = dict(values)
    lost = [value for value, offset in acked if there.get(value) != offset]
    assert not lost, f"{len(lost)} acked records are lost or moved, the first is {lost[0]}"
    assert len(numbers) == sent[0], f"{sent[0]} sent, {len(numbers)} read"
    print(f"{KILLS} kills: {len(acked)} acked, {len(numbers)} read, 0 lost, 0 duplicated, in order")


main()
