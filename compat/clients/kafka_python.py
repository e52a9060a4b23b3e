"""kafka-python: pure Python; its codecs come from optional packages."""

import kafka
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.admin import NewTopic
from kafka import codec as codecs

from check import BOOTSTRAP, PARTITIONS, RECORDS, judge, key, value

print("kafka-python", kafka.__version__)
SERVERS = BOOTSTRAP.split(",")


def create(topic):
    admin = KafkaAdminClient(bootstrap_servers=SERVERS)
    admin.create_topics([NewTopic(topic, PARTITIONS, 3)])
    admin.close()


def produce(topic, codec):
    producer = KafkaProducer(
        bootstrap_servers=SERVERS,
        acks="all",
        enable_idempotence=True,
        compression_type=codec,
        linger_ms=5,
    )
    futures = [
        producer.send(topic, value=value(i).encode(), key=key(i).encode()) for i in range(RECORDS)
    ]
    producer.flush(60)
    for future in futures:
        future.get(30)
    producer.close()


def consume(topic):
    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=SERVERS,
        group_id=f"{topic}-group",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        consumer_timeout_ms=30000,
    )
    read = []
    for record in consumer:
        read.append((record.partition, record.offset, record.key.decode(), record.value.decode()))
        if len(read) == RECORDS:
            break
    consumer.commit()
    consumer.close()
    return read


available = {
    "none": True,
    "gzip": codecs.has_gzip(),
    "snappy": codecs.has_snappy(),
    "lz4": codecs.has_lz4(),
    "zstd": codecs.has_zstd(),
}
for name, has in available.items():
    if not has:
        print(f"{name}: this client does not have it here")
        continue
    topic = f"kafka-python-{name}"
    create(topic)
    produce(topic, None if name == "none" else name)
    judge(name, consume(topic))
    print(f"{name}: {RECORDS} records in order")
