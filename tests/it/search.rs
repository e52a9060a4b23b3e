//! Search: every node answers for the whole cluster, says what is missing, and bears strangers.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use bytes::Bytes;
use chronik_dev::client::admin::NewTopic;
use chronik_dev::client::http;
use chronik_dev::spec::NodeId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::cluster::{Cluster, Data, NODES, SOON, others};
use crate::produce;
use crate::wait::until;

const TOPIC: &str = "orders";
const PARTITIONS: u32 = 3;
/// Records of each partition.
const EACH: i64 = 10;

/// The number and the body of an answer.
async fn post(addr: SocketAddr, path: &str, body: &Value) -> Result<(u16, Value), String> {
    let answer = http::post(addr, path, Bytes::from(body.to_string()), SOON * 3).await;
    let (status, body) = answer.map_err(|error| error.to_string())?;
    let body = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
    Ok((status, body))
}

async fn get(addr: SocketAddr, path: &str) -> (u16, Value) {
    let (status, body) = http::get(addr, path, SOON * 3).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

/// A searchable topic with ten records in each partition, of which each node knows the leaders.
async fn orders() -> Cluster {
    let cluster = Cluster::up(Data::Ephemeral).await;
    let topic = NewTopic {
        name: TOPIC.to_owned(),
        partitions: Some(PARTITIONS),
        replication_factor: Some(3),
        configs: vec![(String::from("searchable.enabled"), String::from("true"))],
    };
    cluster.create(topic).await;
    cluster.in_sync(TOPIC).await;
    for partition in 0..PARTITIONS {
        for n in 0..EACH {
            let order = json!({
                "status": if n % 2 == 0 { "failed" } else { "paid" },
                "user": { "name": format!("user {partition}") },
                "amount": n,
            });
            let value = order.to_string();
            assert_eq!(produced(&cluster, partition, &value).await, n);
        }
    }
    cluster
}

/// Appends one record by whoever leads: a partition may move to its first replica meanwhile, and
/// what a deposed leader refuses is not appended.
async fn produced(cluster: &Cluster, partition: u32, value: &str) -> i64 {
    const NOT_LEADER: &str = "error 6";
    let appended = until("a leader takes a record", async || {
        let leader = cluster.kafka(cluster.leader(TOPIC, partition).await);
        match produce::one(leader, (TOPIC, partition), value.as_bytes(), SOON).await {
            Err(error) if error == NOT_LEADER => Err(error),
            appended => Ok(appended),
        }
    });
    appended.await.unwrap()
}

/// The places of an answer's hits.
fn places(answer: &Value) -> BTreeSet<String> {
    let hits = answer["hits"]["hits"].as_array().unwrap();
    let ids = hits
        .iter()
        .map(|hit| hit["_id"].as_str().unwrap().to_owned());
    let places: BTreeSet<String> = ids.collect();
    assert_eq!(places.len(), hits.len(), "a record is found once: {answer}");
    places
}

fn total(answer: &Value) -> i64 {
    answer["hits"]["total"]["value"].as_i64().unwrap()
}

/// Asks until everything is found and nothing is missing.
async fn all_found(addr: SocketAddr) -> Value {
    let all = json!({ "size": 100, "track_total_hits": true });
    until("all records are found", async || {
        let (status, answer) = post(addr, &format!("/{TOPIC}/_search"), &all).await?;
        assert_eq!(status, 200, "{answer}");
        let whole = total(&answer) == i64::from(PARTITIONS) * EACH;
        if whole && answer["_shards"]["failed"] == 0 {
            Ok(answer)
        } else {
            Err(answer.to_string())
        }
    })
    .await
}

#[tokio::test]
async fn every_node_finds_everything() {
    let cluster = orders().await;
    let expected: BTreeSet<String> = (0..PARTITIONS)
        .flat_map(|partition| (0..EACH).map(move |offset| format!("{partition}-{offset}")))
        .collect();
    for node in NODES {
        let addr = cluster.search(node);
        let answer = all_found(addr).await;
        assert_eq!(places(&answer), expected, "{node}");
        assert_eq!(answer["_chronik"]["lag"], 0, "{answer}");
        asked_of_one_node(addr).await;
    }
    let data = cluster.run("search orders status:failed --size 100").await;
    assert_eq!(data["total"], i64::from(PARTITIONS) * EACH / 2);
    assert_eq!(data["hits"].as_array().unwrap().len(), 15);
    let data = cluster.run("search orders -status:failed --size 1").await;
    assert_eq!(data["total"], i64::from(PARTITIONS) * EACH / 2);
    cluster.nobody_panicked();
}

async fn asked_of_one_node(addr: SocketAddr) {
    let path = format!("/{TOPIC}/_search");
    let page = json!({
        "query": { "bool": {
            "must": [{ "match": { "status": "failed" } }],
            "filter": [{ "range": { "amount": { "gte": 4 } } }, { "term": { "_partition": 1 } }],
        } },
        "sort": [{ "amount": "desc" }],
        "from": 1,
        "size": 1,
        "_source": ["user.name"],
        "highlight": { "fields": { "status": {} } },
    });
    let (status, answer) = post(addr, &path, &page).await.unwrap();
    assert_eq!((status, total(&answer)), (200, 3), "{answer}");
    let hit = &answer["hits"]["hits"][0];
    assert_eq!(hit["_id"], "1-6", "{answer}");
    assert_eq!(hit["sort"], json!([6]));
    assert_eq!(hit["_source"], json!({ "user": { "name": "user 1" } }));
    assert_eq!(hit["highlight"]["status"], json!(["<em>failed</em>"]));
    counted_by_one_node(addr, &path).await;
    told_by_one_node(addr).await;
}

async fn counted_by_one_node(addr: SocketAddr, path: &str) {
    let counted = json!({ "size": 0, "aggs": { "by": {
        "terms": { "field": "status.keyword" }, "aggs": { "most": { "max": { "field": "amount" } } },
    }, "users": { "cardinality": { "field": "user.name.keyword" } } } });
    let (status, answer) = post(addr, path, &counted).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    let buckets = answer["aggregations"]["by"]["buckets"].as_array().unwrap();
    let told = |bucket: &Value| {
        (
            bucket["key"].clone(),
            bucket["doc_count"].clone(),
            bucket["most"]["value"].as_f64(),
        )
    };
    let told: BTreeSet<String> = buckets
        .iter()
        .map(|bucket| format!("{:?}", told(bucket)))
        .collect();
    let expected = [("failed", 8.0), ("paid", 9.0)];
    let expected = expected.map(|(key, most)| format!("{:?}", (json!(key), json!(15), Some(most))));
    assert_eq!(told, BTreeSet::from(expected), "{answer}");
    // A whole number, not 3.0.
    let users = &answer["aggregations"]["users"]["value"];
    assert_eq!(*users, json!(PARTITIONS), "{answer}");
}

async fn told_by_one_node(addr: SocketAddr) {
    let (status, answer) = get(addr, "/_all/_count?q=status:paid%20AND%20_partition:2").await;
    assert_eq!(
        (status, answer["count"].as_i64()),
        (200, Some(5)),
        "{answer}"
    );
    let (status, answer) = get(addr, &format!("/{TOPIC}/_doc/2-3")).await;
    assert_eq!(
        (status, &answer["_source"]["amount"]),
        (200, &json!(3)),
        "{answer}"
    );
    for absent in ["2-99", "9-0", "x"] {
        let (status, answer) = get(addr, &format!("/{TOPIC}/_doc/{absent}")).await;
        assert_eq!((status, &answer["found"]), (404, &json!(false)), "{answer}");
    }
    let (_, mapping) = get(addr, &format!("/{TOPIC}/_mapping")).await;
    let properties = &mapping[TOPIC]["mappings"]["properties"];
    assert_eq!(
        properties["user"]["properties"]["name"]["type"], "text",
        "{mapping}"
    );
    assert_eq!(properties["amount"]["type"], "long", "{mapping}");
    let (_, listed) = get(addr, "/_cat/indices?format=json").await;
    assert_eq!(listed[0]["index"], TOPIC, "{listed}");
    let (_, health) = get(addr, "/_cluster/health?wait_for_status=green&timeout=10s").await;
    assert_eq!(health["status"], "green", "{health}");
    let (_, shown) = get(addr, "/_ui/cluster").await;
    assert_eq!(
        shown["nodes"].as_array().unwrap().len(),
        NODES.len(),
        "{shown}"
    );
    assert!(
        shown["ready"] == true && shown["topics"][0]["partitions"][0]["lag"] == 0,
        "{shown}"
    );
    let page = say(
        addr,
        "GET /_ui HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    )
    .await;
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-security-policy: default-src 'none'; script-src 'nonce-"),
        "{head}"
    );
    assert!(
        !body.contains("{{") && !body.contains("//cdn") && body.contains("<script nonce="),
        "{body}"
    );
}

#[tokio::test]
async fn a_young_document_is_known_at_once_and_as_it_was_produced() {
    let cluster = orders().await;
    all_found(cluster.search(NODES[0])).await;
    let own = r#"{"z": -943305.0469559873, "a": 123456789012345678901234567890, "n": 1.0}"#;
    assert_eq!(produced(&cluster, 0, own).await, EACH);
    // Another node than its leader, so that the document crosses the link.
    let addr = cluster.search(others(cluster.leader(TOPIC, 0).await)[0]);
    let (_, mapping) = get(addr, "/orders/_mapping").await;
    let properties = &mapping[TOPIC]["mappings"]["properties"];
    assert_eq!(properties["z"]["type"], "double", "{mapping}");
    assert_eq!(produced(&cluster, 0, "{}").await, EACH + 1);
    let (_, listed) = get(addr, "/_cat/indices?format=json").await;
    let count = (i64::from(PARTITIONS) * EACH + 2).to_string();
    assert_eq!(
        (&listed[0]["docs.count"], &listed[0]["lag"]),
        (&json!(count), &json!("0")),
        "{listed}"
    );
    for path in [
        "/orders/_search?q=z:*",
        "/orders/_doc/0-10",
        "/orders/_doc/0-10?pretty",
    ] {
        let (_, body) = http::get(addr, path, SOON * 3).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains(own), "{path}: {body}");
    }
    let (_, body) = http::get(addr, "/orders/_doc/0-10?_source=z,n", SOON * 3)
        .await
        .unwrap();
    let parts = r#""_source":{"z":-943305.0469559873,"n":1.0}"#;
    assert!(String::from_utf8_lossy(&body).contains(parts), "{body:?}");
    cluster.nobody_panicked();
}

#[tokio::test]
async fn a_dead_leader_takes_nothing_with_it() {
    without_a_leader("kill").await;
}

#[tokio::test]
async fn a_paused_leader_is_not_waited_for() {
    without_a_leader("pause").await;
}

async fn without_a_leader(word: &str) {
    let cluster = orders().await;
    all_found(cluster.search(NODES[0])).await;
    let victim = cluster.leader(TOPIC, 0).await;
    cluster.run(&format!("{word} {}", victim.0)).await;
    let everything = json!({ "size": 100 });
    for node in others(victim) {
        let addr = cluster.search(node);
        let (status, answer) = post(addr, "/_all/_search", &everything).await.unwrap();
        // Right after the death a partition may be missing, and the answer says so.
        assert_eq!(status, 200, "{answer}");
        let shards = &answer["_shards"];
        let count = |key: &str| shards[key].as_u64().unwrap();
        assert_eq!(
            count("successful") + count("failed"),
            count("total"),
            "{answer}"
        );
        if count("failed") == 0 {
            assert_eq!(
                answer["_chronik"]["high_watermark"],
                i64::from(PARTITIONS) * EACH,
                "{answer}"
            );
        }
        all_found(addr).await;
    }
    cluster.nobody_panicked();
}

/// Waits until a node answers for none of the three partitions; its answer.
async fn nothing_found(cluster: &Cluster, node: NodeId) -> Value {
    let all = json!({ "size": 100 });
    until("nothing is answered for any partition", async || {
        let (status, answer) = post(cluster.search(node), "/orders/_search", &all).await?;
        if status == 503 {
            return Ok(answer);
        }
        assert_eq!(status, 200, "{answer}");
        Err(answer.to_string())
    })
    .await
}

/// What a lonely leader has may be old, and nobody is there to tell.
#[tokio::test]
async fn who_hears_no_majority_answers_for_nothing() {
    let cluster = orders().await;
    let survivor = cluster.leader(TOPIC, 0).await;
    all_found(cluster.search(survivor)).await;
    for victim in others(survivor) {
        cluster.run(&format!("kill {victim}")).await;
    }
    let answer = nothing_found(&cluster, survivor).await;
    assert!(answer["error"]["reason"].is_string(), "{answer}");
    cluster.run("start all").await;
    all_found(cluster.search(survivor)).await;
}

#[tokio::test]
async fn a_leader_that_is_cut_off_is_not_asked_and_not_ready() {
    let cluster = orders().await;
    let lonely = cluster.leader(TOPIC, 0).await;
    all_found(cluster.search(lonely)).await;
    let rest: Vec<String> = others(lonely).iter().map(ToString::to_string).collect();
    let partition = format!("net partition {lonely} {}", rest.join(","));
    cluster.run(&partition).await;
    nothing_found(&cluster, lonely).await;
    let health = http::get(cluster.metrics(lonely), "/health/ready", SOON).await;
    assert_eq!(health.unwrap().0, 503);
    for node in others(lonely) {
        all_found(cluster.search(node)).await;
    }
    let found = cluster.run("search orders").await;
    assert_eq!(found["total"], i64::from(PARTITIONS) * EACH, "{found}");
    cluster.run("net heal").await;
    all_found(cluster.search(lonely)).await;
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_words() {
    let cluster = orders().await;
    cluster.create_topic("plain", 1).await;
    let addr = cluster.search(NODES[1]);
    refused(addr).await;
    let cut = cluster.try_run("search plain x").await;
    assert_eq!((cut.code, cut.error_code()), (Some(5), "NOT_SEARCHABLE"));
    let cut = cluster.try_run("search nope x").await;
    assert_eq!((cut.code, cut.error_code()), (Some(5), "NO_TOPIC"));
    let cut = cluster.try_run("search orders (x").await;
    assert_eq!((cut.code, cut.error_code()), (Some(2), "QUERY"));
    strangers(addr).await;
    all_found(addr).await;
    cluster.nobody_panicked();
}

/// A path, a body, and the status and the type of the refusal.
const WRONG: &str = r#"
/nope/_search | {} | 404 | index_not_found_exception
/plain/_search | {} | 400 | illegal_argument_exception
/orders/_search | {"wat": 1} | 400 | parsing_exception
/orders/_search?wat=1 | {} | 400 | illegal_argument_exception
/orders/_search | {"size": 10001} | 400 | illegal_argument_exception
/orders/_search | {"query": {"regexp": {"user.name": "(a{1000}){1000}"}}} | 400 | parsing_exception
/orders/_search | {"aggs": {"a": {"histogram": {"field": "amount", "interval": 0.00001}}}} | 400 | too_many_buckets_exception
/orders/_update/1 | {} | 400 | illegal_argument_exception
"#;

async fn refused(addr: SocketAddr) {
    for line in WRONG.lines().filter(|line| !line.is_empty()) {
        let [path, body, status, kind] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let body = serde_json::from_str(body).unwrap();
        let (answered, answer) = post(addr, path, &body).await.unwrap();
        assert_eq!(answered.to_string(), status, "{line}: {answer}");
        assert_eq!(answer["error"]["type"], kind, "{line}: {answer}");
        assert_eq!(
            answer["error"]["root_cause"][0]["type"], kind,
            "{line}: {answer}"
        );
    }
    for path in ["/_nodes", "/_stats", "/_alias", "/_cat"] {
        let (status, answer) = get(addr, path).await;
        let reason = answer["error"]["reason"].as_str().unwrap();
        assert!(status == 400 && reason.contains("no handler"), "{answer}");
    }
    let parens = format!("{}a{}", "(".repeat(1000), ")".repeat(1000));
    let deep = json!({ "query": { "query_string": { "query": parens } } });
    let (status, answer) = post(addr, "/orders/_search", &deep).await.unwrap();
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("parsing_exception")),
        "{answer}"
    );
    let large = json!({ "x": "y".repeat(10 << 20) });
    // Who sends ten megabytes may be cut off before it has read why.
    if let Ok((status, answer)) = post(addr, "/orders/_search", &large).await {
        assert_eq!(status, 413, "{answer}");
    }
}

/// What would take all of a node's memory is refused, and does not keep a record waiting.
#[tokio::test]
async fn giant_aggregations_are_refused_while_records_go_on() {
    let cluster = orders().await;
    let addr = cluster.search(NODES[0]);
    all_found(addr).await;
    let leader = cluster.kafka(cluster.leader(TOPIC, 0).await);
    let giant = json!({ "size": 0, "aggs": { "a": {
        "histogram": { "field": "amount", "interval": 0.0001 },
        "aggs": { "b": { "histogram": { "field": "amount", "interval": 0.001 } } },
    }, "t": { "terms": { "field": "user.name.keyword", "size": 10_000 } } } });
    let path = format!("/{TOPIC}/_search");
    let giants = async {
        for _ in 0..10 {
            let (status, answer) = post(addr, &path, &giant).await.unwrap();
            assert_eq!(status, 400, "{answer}");
            let kind = &answer["error"]["type"];
            assert_eq!(kind, "too_many_buckets_exception", "{answer}");
        }
    };
    let records = async {
        for n in EACH..EACH + 50 {
            let value = json!({ "amount": n }).to_string();
            let appended = produce::one(leader, (TOPIC, 0), value.as_bytes(), SOON).await;
            assert_eq!(appended, Ok(n));
        }
    };
    tokio::join!(giants, records);
    let many = json!({ "index": TOPIC }).to_string() + "\n" + &giant.to_string() + "\n";
    let good = many.clone() + "{}\n{\"size\":0}\n";
    let answer = http::post(addr, &format!("/{TOPIC}/_msearch"), good.into(), SOON * 3).await;
    let (status, body) = answer.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["responses"][0]["status"], 400, "{answer}");
    assert_eq!(answer["responses"][1]["status"], 200, "{answer}");
    cluster.nobody_panicked();
}

/// Foreign pages and half a request.
async fn strangers(addr: SocketAddr) {
    let ask = |headers: &str| {
        format!("GET /orders/_search HTTP/1.1\r\n{headers}Connection: close\r\n\r\n")
    };
    let foreign = "Host: localhost\r\nOrigin: http://evil.example\r\n";
    for headers in [
        "Host: evil.example\r\n",
        "Host: localhost.evil.example\r\n",
        foreign,
        "",
    ] {
        let answer = say(addr, &ask(headers)).await;
        let status = answer.split_whitespace().nth(1).unwrap_or_default();
        assert!(matches!(status, "403" | "400"), "{headers}: {answer}");
    }
    let half = say(addr, "GET /orders/_search HTTP/1.1\r\nHost: loc").await;
    assert!(!half.contains("200 OK"), "{half}");
    let no_body = "POST /orders/_search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{";
    let answer = say(addr, no_body).await;
    assert!(answer.contains("408"), "{answer}");
}

/// Says something and returns all that is answered until the other side closes, which it must.
async fn say(addr: SocketAddr, words: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(words.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let ended = tokio::time::timeout(SOON * 6, stream.read_to_end(&mut answer)).await;
    ended.expect("the node closes").ok();
    String::from_utf8_lossy(&answer).into_owned()
}
