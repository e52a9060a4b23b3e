"""confluent-kafka (librdkafka): admin-created topics, idempotent producer, group consumer."""

import confluent_kafka
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from check import BOOTSTRAP, PARTITIONS, RECORDS, judge, key, value

print("confluent-kafka", confluent_kafka.version(), "librdkafka", confluent_kafka.libversion()[0])


def create(topic):
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    future = admin.create_topics([NewTopic(topic, PARTITIONS, 3)])[topic]
    future.result(30)


def produce(topic, codec):
    failures = []
    producer = Producer({
        "bootstrap.servers": BOOTSTRAP,
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": codec,
    })

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    for i in range(RECORDS):
        while True:
            try:
                producer.produce(topic, value(i), key(i), on_delivery=delivered)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    assert producer.flush(60) == 0, "not everything was delivered in 60 s"
    assert not failures, failures[:3]


def listed(topic):
    """All topics at once: a Metadata request that librdkafka sends with bytes behind it."""
    topics = AdminClient({"bootstrap.servers": BOOTSTRAP}).list_topics(timeout=10).topics
    assert len(topics[topic].partitions) == PARTITIONS, topics


def consume(topic, subscription):
    consumer = Consumer({
        "bootstrap.servers": BOOTSTRAP,
        "group.id": f"{topic}-group",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    })
    consumer.subscribe([subscription])
    read = []
    idle = 0
    while len(read) < RECORDS and idle < 30:
        messages = consumer.consume(1000, 1.0)
        idle = 0 if messages else idle + 1
        for message in messages:
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF or error.retriable(), error
                continue
            read.append((message.partition(), message.offset(), message.key().decode(), message.value().decode()))
    consumer.commit(asynchronous=False)
    committed = consumer.committed(consumer.assignment(), 10)
    total = sum(partition.offset for partition in committed)
    assert total == RECORDS, f"committed offsets add up to {total}"
    consumer.close()
    return read


for codec in ["none", "gzip", "snappy", "lz4", "zstd"]:
    topic = f"confluent-{codec}"
    create(topic)
    listed(topic)
    produce(topic, codec)
    # A pattern is matched against all topics.
    judge(codec, consume(topic, f"^{topic}$" if codec == "none" else topic))
    print(f"{codec}: {RECORDS} records in order")
