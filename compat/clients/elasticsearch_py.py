"""elasticsearch (PyPI) against the search ports: what it finds is what was produced, from every node."""

import json
import os
import time

import elasticsearch
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

print("elasticsearch", elasticsearch.__versionstr__)
NODES = os.environ["SEARCH"].split(",")
TOPIC = "compat-search-py"
COUNT = 300


def document(i):
    status = "failed" if i % 3 == 0 else "paid"
    return {"n": i, "status": status, "user": {"name": f"user {i % 7}"}, "note": f"order number {i}"}


def produce():
    admin = AdminClient({"bootstrap.servers": os.environ["BOOTSTRAP"]})
    topic = NewTopic(TOPIC, 3, 3, config={"searchable.enabled": "true"})
    for created in admin.create_topics([topic]).values():
        created.result(30)
    producer = Producer({"bootstrap.servers": os.environ["BOOTSTRAP"], "enable.idempotence": True})
    for i in range(COUNT):
        producer.produce(TOPIC, json.dumps(document(i)), key=f"key-{i % 5}")
    assert producer.flush(30) == 0


def found_all(client):
    until = time.monotonic() + 30
    while True:
        count = client.count(index=TOPIC)["count"]
        if count == COUNT:
            return
        assert time.monotonic() < until, f"{count} of {COUNT} were found"


def judge(client):
    assert client.ping()
    assert client.info()["version"]["number"].startswith("8.")
    assert client.cluster.health(wait_for_status="green", timeout="10s")["status"] == "green"
    assert client.indices.exists(index=TOPIC) and not client.indices.exists(index="nope")
    found_all(client)
    everything = client.search(index=TOPIC, size=COUNT, sort=[{"n": "asc"}], track_total_hits=True)
    sources = [hit["_source"] for hit in everything["hits"]["hits"]]
    assert sources == [document(i) for i in range(COUNT)], "not what was produced"
    assert everything["hits"]["total"] == {"value": COUNT, "relation": "eq"}
    assert everything["_shards"]["failed"] == 0

    failed = [i for i in range(COUNT) if i % 3 == 0]
    answer = client.search(
        index=TOPIC,
        query={"bool": {"must": [{"match": {"status": "failed"}}], "filter": [{"range": {"n": {"gte": 150}}}]}},
        size=0,
        aggs={
            "users": {"terms": {"field": "user.name.keyword"}, "aggs": {"most": {"max": {"field": "n"}}}},
            "mean": {"avg": {"field": "n"}},
            "distinct": {"cardinality": {"field": "user.name.keyword"}},
            "days": {"date_histogram": {"field": "_timestamp", "calendar_interval": "day"}},
        },
    )
    late = [i for i in failed if i >= 150]
    assert answer["hits"]["total"]["value"] == len(late)
    aggs = answer["aggregations"]
    assert abs(aggs["mean"]["value"] - sum(late) / len(late)) < 1e-6
    assert aggs["distinct"]["value"] == 7
    users = {bucket["key"]: (bucket["doc_count"], bucket["most"]["value"]) for bucket in aggs["users"]["buckets"]}
    for user in range(7):
        mine = [i for i in late if i % 7 == user]
        assert users[f"user {user}"] == (len(mine), max(mine)), users
    assert sum(bucket["doc_count"] for bucket in aggs["days"]["buckets"]) == len(late)

    phrase = client.search(
        index="compat-search-p*",
        query={"match_phrase": {"note": "number 42"}},
        highlight={"fields": {"note": {}}},
        source=["note"],
    )
    (hit,) = phrase["hits"]["hits"]
    assert hit["_source"] == {"note": "order number 42"}
    assert "<em>number</em> <em>42</em>" in hit["highlight"]["note"][0], hit
    same = client.get(index=TOPIC, id=hit["_id"])
    assert same["found"] and same["_source"] == document(42)
    for q in ("note:numb*", "status:paid OR status:failed", "n:[0 TO 299]", "_exists_:user.name", "_timestamp:>now-1h"):
        assert client.count(index=TOPIC, q=q)["count"] == COUNT, q
    assert client.count(index=TOPIC, query={"ids": {"values": [hit["_id"]]}})["count"] == 1

    both = client.msearch(
        searches=[{"index": TOPIC}, {"query": {"term": {"n": 7}}}, {"index": "nope"}, {"query": {"match_all": {}}}]
    )["responses"]
    assert both[0]["status"] == 200 and both[0]["hits"]["hits"][0]["_source"] == document(7)
    assert both[1]["status"] == 404 and both[1]["error"]["type"] == "index_not_found_exception"
    mapping = client.indices.get_mapping(index=TOPIC)[TOPIC]["mappings"]["properties"]
    assert mapping["n"]["type"] == "long" and mapping["user"]["properties"]["name"]["type"] == "text"
    listed = client.cat.indices(index=TOPIC, format="json")
    assert [row["index"] for row in listed] == [TOPIC] and listed[0]["health"] == "green"
    try:
        client.get(index=TOPIC, id="0-99999")
        raise SystemExit("a record that is not there was found")
    except NotFoundError as error:
        assert error.status_code == 404
    try:
        client.search(index=TOPIC, query={"wat": {}})
        raise SystemExit("a query of no kind was answered")
    except BadRequestError as error:
        assert error.error == "parsing_exception", error.error


produce()
for node in NODES:
    with Elasticsearch(node, request_timeout=20) as client:
        judge(client)
    print(node, COUNT, "records, found and counted")
