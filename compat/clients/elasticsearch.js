// @elastic/elasticsearch (npm) against the search ports: what it finds is what was produced.
"use strict";
const assert = require("node:assert");
const { Client, errors } = require("@elastic/elasticsearch");
const { version } = require("../node_modules/@elastic/elasticsearch/package.json");
const { Kafka, logLevel } = require("kafkajs");

const TOPIC = "compat-search-js", COUNT = 300;
const document = (i) => ({ n: i, level: i % 4 === 0 ? "error" : "info", text: `line ${i} of the log` });

async function produce() {
  const kafka = new Kafka({ brokers: process.env.BOOTSTRAP.split(","), logLevel: logLevel.ERROR });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: "searchable.enabled", value: "true" }];
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: TOPIC, numPartitions: 3, replicationFactor: 3, configEntries }] });
  await admin.disconnect();
  const producer = kafka.producer();
  await producer.connect();
  const messages = Array.from({ length: COUNT }, (_, i) => ({ key: `key-${i % 5}`, value: JSON.stringify(document(i)) }));
  await producer.send({ topic: TOPIC, acks: -1, messages });
  await producer.disconnect();
}

async function foundAll(client) {
  const until = Date.now() + 30000;
  for (;;) {
    const { count } = await client.count({ index: TOPIC });
    if (count === COUNT) return;
    assert.ok(Date.now() < until, `${count} of ${COUNT} were found`);
  }
}

async function judge(client) {
  assert.ok(await client.ping());
  assert.ok((await client.info()).tagline);
  assert.ok(await client.indices.exists({ index: TOPIC }));
  await foundAll(client);
  const all = await client.search({ index: TOPIC, size: COUNT, sort: [{ n: "desc" }], track_total_hits: true });
  const expected = Array.from({ length: COUNT }, (_, i) => document(COUNT - 1 - i));
  assert.deepStrictEqual(all.hits.hits.map((hit) => hit._source), expected);
  const errorsOnly = await client.search({
    index: TOPIC, query: { query_string: { query: "level:error AND text:log" } }, size: 1, from: 2,
    highlight: { pre_tags: ["["], post_tags: ["]"], fields: { level: {} } },
    aggs: { lines: { histogram: { field: "n", interval: 100 } }, sum: { sum: { field: "n" } } },
  });
  assert.strictEqual(errorsOnly.hits.total.value, COUNT / 4);
  assert.deepStrictEqual(errorsOnly.hits.hits[0].highlight.level, ["[error]"]);
  assert.deepStrictEqual(errorsOnly.aggregations.lines.buckets.map((bucket) => [bucket.key, bucket.doc_count]), [[0, 25], [100, 25], [200, 25]]);
  assert.strictEqual(errorsOnly.aggregations.sum.value, 75 * 148);
  const id = errorsOnly.hits.hits[0]._id;
  assert.deepStrictEqual((await client.get({ index: TOPIC, id }))._source, errorsOnly.hits.hits[0]._source);
  const several = await client.msearch({ searches: [{ index: TOPIC }, { query: { prefix: { level: "err" } }, size: 0 }] });
  assert.strictEqual(several.responses[0].hits.total.value, COUNT / 4);
  assert.ok((await client.cat.indices({ index: TOPIC, v: true })).includes(TOPIC));
  await assert.rejects(client.search({ index: "nope" }), (error) => error instanceof errors.ResponseError && error.statusCode === 404);
  await assert.rejects(client.search({ index: TOPIC, query: { wat: {} } }), (error) => error.statusCode === 400 && /unknown query \[wat\]/.test(error.message));
}

(async () => {
  console.log("@elastic/elasticsearch", version);
  await produce();
  for (const node of process.env.SEARCH.split(",")) {
    const client = new Client({ node, requestTimeout: 20000 });
    await judge(client);
    await client.close();
    console.log(node, COUNT, "records, found and counted");
  }
})().catch((error) => { console.error(error); process.exit(1); });
