// kafkajs: speaks the old, non-flexible encodings; has gzip only without further packages.
const { Kafka, CompressionTypes, logLevel } = require('kafkajs');
const version = require('kafkajs/package.json').version;

const RECORDS = Number(process.env.RECORDS);
const PARTITIONS = 3;
const kafka = new Kafka({
  clientId: 'compat',
  brokers: process.env.BOOTSTRAP.split(','),
  logLevel: logLevel.ERROR,
});
const key = (i) => `key-${i % 97}`;
const value = (i) => `${i}:${'x'.repeat(i % 200)}`;

async function create(topic) {
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS, replicationFactor: 3 }] });
  await admin.disconnect();
}

async function produce(topic, compression) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let from = 0; from < RECORDS; from += 500) {
    const messages = [];
    for (let i = from; i < Math.min(from + 500, RECORDS); i += 1) messages.push({ key: key(i), value: value(i) });
    await producer.send({ topic, acks: -1, compression, messages });
  }
  await producer.disconnect();
}

async function consume(topic) {
  const consumer = kafka.consumer({ groupId: `${topic}-group` });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const read = [];
  let deadline;
  await new Promise((resolve, reject) => {
    deadline = setTimeout(() => reject(new Error(`only ${read.length} records in 60 s`)), 60000);
    consumer
      .run({
        eachMessage: async ({ partition, message }) => {
          read.push([partition, Number(message.offset), message.key.toString(), message.value.toString()]);
          if (read.length === RECORDS) resolve();
        },
      })
      .catch(reject);
  });
  clearTimeout(deadline);
  await consumer.disconnect();
  return read;
}

function judge(what, read) {
  const seen = new Set();
  const lastOffset = new Map();
  const lastOfKey = new Map();
  for (const [partition, offset, k, v] of read) {
    const i = Number(v.split(':')[0]);
    if (v !== value(i) || k !== key(i)) throw new Error(`${what}: record ${i} came back changed`);
    if (seen.has(i)) throw new Error(`${what}: record ${i} came twice`);
    seen.add(i);
    if ((lastOffset.get(partition) ?? -1) >= offset) throw new Error(`${what}: offset ${offset} goes back`);
    lastOffset.set(partition, offset);
    if ((lastOfKey.get(k) ?? -1) >= i) throw new Error(`${what}: record ${i} of ${k} is out of order`);
    lastOfKey.set(k, i);
  }
  if (seen.size !== RECORDS) throw new Error(`${what}: ${RECORDS - seen.size} records are missing`);
  if (lastOffset.size !== PARTITIONS) throw new Error(`${what}: only ${lastOffset.size} partitions were used`);
}

async function main() {
  console.log(`kafkajs ${version}`);
  for (const [name, type] of [['none', CompressionTypes.None], ['gzip', CompressionTypes.GZIP]]) {
    const topic = `kafkajs-${name}`;
    await create(topic);
    await produce(topic, type);
    judge(name, await consume(topic));
    console.log(`${name}: ${RECORDS} records in order`);
  }
  console.log('snappy, lz4, zstd: this client does not have them here');
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
