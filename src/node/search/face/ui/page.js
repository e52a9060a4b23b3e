"use strict";
// Everything that comes from records is inserted as text; nothing here builds HTML from strings.
const $ = (id) => document.getElementById(id);
// Marks that no text of a record is likely to hold, set around matches by the node.
const OPEN = "\ue000", CLOSE = "\ue001";
const REFRESH_MS = 1000, BARS = 60;
const state = { from: 0, asked: 0, topics: "", gone: false, ready: false, uptime: 0 };

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === false || value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}
const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

// A number as it was produced: 1.0, or more digits than a double has.
class Exact {
  constructor(source) { this.source = source; }
  toJSON() { return JSON.rawJSON ? JSON.rawJSON(this.source) : Number(this.source); }
}

// The answer, with the numbers of its documents as they are written (where the browser tells).
function parsed(text) {
  const answer = JSON.parse(text);
  if (!answer || !answer.hits || !Array.isArray(answer.hits.hits)) return answer;
  const exact = JSON.parse(text, (name, value, context) =>
    (typeof value === "number" && context && context.source !== undefined ? new Exact(context.source) : value));
  answer.hits.hits.forEach((hit, index) => { hit._source = exact.hits.hits[index]._source; });
  return answer;
}

async function fetchJson(path, options) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const body = await response.text().then(parsed).catch(() => null);
  if (!response.ok) {
    const error = new Error(body && body.error ? body.error.reason : `the node answered ${response.status}`);
    error.answered = true;
    throw error;
  }
  return body;
}

// ---- the cluster ----

async function refresh() {
  try {
    const cluster = await fetchJson("/_ui/cluster", { signal: AbortSignal.timeout(4000) });
    state.gone = false;
    showCluster(cluster);
  } catch (error) {
    state.gone = true;
    showGone();
  }
  setTimeout(refresh, document.hidden ? 5 * REFRESH_MS : REFRESH_MS);
}

function banner(text, calm) {
  const at = $("banner");
  if (at.textContent !== (text || "")) at.textContent = text || "";
  at.classList.toggle("calm", Boolean(calm));
  at.hidden = !text;
}

// As a command line names this cluster.
function named() {
  const name = $("cluster-name").textContent;
  return ["dev", "chronik-dev"].includes(name) ? "" : ` --cluster ${name}`;
}

function showGone() {
  $("state").textContent = "no answer";
  banner(`This page’s node does not answer: it was stopped, killed or paused, or the cluster is down. `
    + `Another node’s search port shows the same page; “chronik-dev status${named()}” tells more. Trying again each second.`);
  for (const node of $("nodes").children) {
    node.className = "node away";
    const [shape, , word] = node.children;
    shape.className = "shape warn";
    shape.textContent = "?";
    word.textContent = "not known now";
  }
  document.body.classList.add("stale");
}

// Whether this life of the node has had no time yet to become ready.
function isYoung(cluster) {
  return !state.ready && cluster.uptime_ms < 15000;
}

// What a node is that is not ready.
function notReady(cluster) {
  if (isYoung(cluster)) return "starting";
  const heard = cluster.nodes.filter((node) => node.self || (node.alive && node.linked)).length;
  return 2 * heard <= cluster.nodes.length ? "cut off" : "not ready";
}

// A shape and a word, never a colour alone.
function nodeState(node, cluster) {
  if (node.self) {
    if (cluster.leaving) return ["◐", "warn", "leaving", ""];
    if (cluster.ready) return ["●", "good", "this node", ""];
    return [isYoung(cluster) ? "◌" : "✕", "warn", notReady(cluster), "away"];
  }
  if (!node.alive) return ["✕", "bad", node.hears && node.heard_ms === null ? "not seen yet" : "dead or unreachable", "dead"];
  if (!node.linked) return ["◌", "warn", "no link", "away"];
  if (node.leaving) return ["◐", "warn", "leaving", "away"];
  return ["●", "good", "alive", ""];
}

function showCluster(cluster) {
  document.body.classList.remove("stale");
  // A node that was started anew begins anew.
  state.ready = cluster.ready || (state.ready && cluster.uptime_ms >= state.uptime);
  state.uptime = cluster.uptime_ms;
  $("cluster-name").textContent = cluster.cluster;
  document.title = `${cluster.cluster} · chronik-dev`;
  $("nodes").replaceChildren(...cluster.nodes.map((node) => {
    const [shape, tone, word, kind] = nodeState(node, cluster);
    const lead = node.id === cluster.controller ? " · leads metadata" : "";
    return make("li", { class: `node ${kind}`, title: node.reason || "" },
      make("span", { class: `shape ${tone}`, "aria-hidden": "true" }, shape),
      make("b", null, `node-${node.id}`), make("span", { class: "faint" }, word + lead));
  }));
  describeState(cluster);
  showTopics(cluster);
}

function describeState(cluster) {
  const away = cluster.nodes.filter((node) => !node.self && !(node.alive && node.linked));
  const leaderless = cluster.topics.flatMap((topic) => topic.partitions).filter((one) => one.leader === null).length;
  const heard = cluster.nodes.length - away.length;
  $("state").textContent = cluster.ready
    ? `${heard}/${cluster.nodes.length} nodes · term ${cluster.term}` : notReady(cluster);
  const names = away.map((node) => `node-${node.id}`).join(", ");
  if (!cluster.ready && isYoung(cluster)) banner(`Starting: waiting for ${cluster.waiting_for || "the node"}.`, true);
  else if (2 * heard <= cluster.nodes.length) {
    banner(`node-${cluster.node} hears no majority (${names} out of reach): it may be cut off. `
      + `What others lead is missing from the results here; nothing new is acked on this side.`);
  } else if (away.length > 0) {
    banner(`${names} ${away.length === 1 ? "is" : "are"} out of reach. `
      + (leaderless > 0 ? `${counted(leaderless, "partition")} without a leader for now.` : "The others serve every partition."));
  } else if (leaderless > 0) banner(`${counted(leaderless, "partition")} without a leader for now.`, true);
  else if (!cluster.ready) banner(`node-${cluster.node} is not ready: waiting for ${cluster.waiting_for || "the node"}.`);
  else banner("");
}

function showTopics(cluster) {
  const seen = JSON.stringify(cluster.topics);
  if (seen === state.topics) return;
  state.topics = seen;
  const own = cluster.topics.filter((topic) => !topic.internal);
  const searchable = own.filter((topic) => topic.searchable);
  const chosen = $("topic").value;
  $("topic").replaceChildren(make("option", { value: "*" }, "all topics"),
    ...searchable.map((topic) => make("option", { value: topic.name }, topic.name)));
  $("topic").value = searchable.some((topic) => topic.name === chosen) ? chosen : "*";
  const open = new Set([...$("topics").querySelectorAll("details[open]")].map((at) => at.dataset.topic));
  const first = $("topics").childElementCount === 0;
  const focused = document.activeElement && document.activeElement.parentElement
    ? document.activeElement.parentElement.dataset.topic : undefined;
  $("topics").replaceChildren(...own.map((topic) => topicCard(topic, first ? topic.searchable : open.has(topic.name))));
  if (focused) for (const at of $("topics").children) if (at.dataset.topic === focused) at.firstElementChild.focus();
  const none = searchable.length === 0;
  $("no-topics").hidden = !none;
  $("no-topics").textContent = none
    ? "No topic is searchable yet: chronik-dev topic create NAME --config searchable.enabled=true" : "";
}

function topicCard(topic, isOpen) {
  const known = topic.partitions.every((one) => typeof one.records === "number");
  const records = topic.partitions.reduce((sum, one) => sum + (one.records || 0), 0);
  const count = known ? counted(records, "record") : `${records > 0 ? `at least ${records.toLocaleString("en")}` : "?"} records`;
  const tag = topic.searchable ? count : "not searchable";
  const head = ["#", "leader", "in sync", "end", ...(topic.searchable ? ["lag"] : [])];
  const details = make("details", { class: "topic", open: isOpen },
    make("summary", null, make("h3", null, topic.name), make("span", { class: "tag" }, tag)),
    make("table", null,
      make("thead", null, make("tr", null, ...head.map((name) =>
        make("th", { scope: "col", class: name === "end" || name === "lag" ? "number" : "" }, name)))),
      make("tbody", null, ...topic.partitions.map((one) => partitionRow(topic, one)))));
  details.dataset.topic = topic.name;
  return details;
}

function partitionRow(topic, one) {
  const known = (value) => (value === null || value === undefined ? "?" : value.toLocaleString("en"));
  const leader = one.leader === null ? make("span", { class: "bad" }, "✕ none") : `node-${one.leader}`;
  const short = one.isr.length < one.replicas.length;
  const isr = make("span", { class: short ? "warn" : "", title: `replicas ${one.replicas.join(", ")}` },
    (short ? "◐ " : "") + [...one.isr].sort((a, b) => a - b).join(" "));
  return make("tr", null, make("td", null, String(one.partition)), make("td", null, leader), make("td", null, isr),
    make("td", { class: "number" }, known(one.log_end)),
    topic.searchable ? make("td", { class: "number" }, known(one.lag)) : null);
}

// ---- the search ----

// Records of one millisecond have an order too.
function byTime(order) {
  return [{ _timestamp: order }, { _offset: order }];
}

function body() {
  const query = $("query").value.trim();
  const sort = $("sort").value;
  return {
    query: query ? { query_string: { query } } : { match_all: {} },
    from: state.from, size: Number($("size").value), track_total_hits: true,
    sort: sort === "_score" ? (query ? undefined : byTime("desc")) : byTime(sort.split(":")[1]),
    highlight: query ? { pre_tags: [OPEN], post_tags: [CLOSE], number_of_fragments: 0, fields: { "*": {} } } : undefined,
    aggs: { first: { min: { field: "_timestamp" } }, last: { max: { field: "_timestamp" } } },
  };
}

async function ask(what, topic) {
  return fetchJson(`/${encodeURIComponent(topic)}/_search`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(what),
  });
}

async function search() {
  const turn = ++state.asked;
  const what = body(), topic = $("topic").value;
  remember(topic);
  $("summary").textContent = "searching …";
  try {
    const answer = await ask(what, topic);
    if (turn !== state.asked) return;
    showHits(answer, what);
    // The hits stand, whatever becomes of the picture above them.
    showHistogram(answer, what, topic, turn).catch(() => { $("histogram").hidden = true; });
  } catch (error) {
    if (turn !== state.asked) return;
    showWrong(error);
  }
}

function showWrong(error) {
  const words = error.answered ? error.message : "the node does not answer";
  $("summary").replaceChildren(make("span", { class: "wrong" }, `✕ ${words}`));
  $("hits").replaceChildren();
  $("histogram").hidden = true;
  $("pages").hidden = true;
}

function showHits(answer, what) {
  const total = answer.hits.total.value, failed = answer._shards.failed, lag = answer._chronik.lag;
  const parts = [make("b", null, counted(total, "record")), ` in ${answer.took} ms`];
  if (lag > 0) parts.push(` · ${counted(lag, "newer record")} not searched yet`);
  if (failed > 0) {
    const why = answer._shards.failures[0];
    parts.push(make("span", { class: "wrong" },
      ` · ✕ ${counted(failed, "partition")} of ${answer._shards.total} did not answer (${why.index}/${why.shard}: ${why.reason.reason})`));
  }
  $("summary").replaceChildren(...parts);
  $("hits").replaceChildren(...(answer.hits.hits.length ? answer.hits.hits.map(hitCard) : [nothing(total)]));
  const last = what.from + answer.hits.hits.length;
  $("pages").hidden = total <= what.size;
  $("page").textContent = answer.hits.hits.length ? `${what.from + 1}–${last} of ${total.toLocaleString("en")}` : "";
  $("previous").disabled = what.from === 0;
  $("next").disabled = last >= total || last + what.size > 10000;
}

function nothing(total) {
  const query = $("query").value.trim();
  return make("li", { class: "empty" }, make("strong", null, total > 0 ? "No more records" : "Nothing found"),
    query ? "No committed record fits this query." : "No searchable topic has a record yet.");
}

function time(ms) {
  if (typeof ms !== "number" || !(Math.abs(ms) < 8.64e15)) return "no time";
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "");
}

function hitCard(hit) {
  const about = make("div", { class: "about" },
    make("span", { class: "where" }, `${hit._index}/${hit._partition}-${hit._offset}`),
    make("time", null, time(hit._timestamp)));
  if (hit._key !== undefined) about.append(make("span", null, "key ", make("span", { class: "mono" }, hit._key)));
  if (typeof hit._score === "number") about.append(make("span", { class: "score" }, `score ${hit._score.toFixed(2)}`));
  const marks = hit.highlight || {};
  const fields = flatten(hit._source);
  const only = fields.length === 1 && fields[0][0] === "message";
  const card = make("li", { class: "hit" }, about);
  if (only) {
    card.append(make("p", { class: "text" }, ...marked(marks.message ? marks.message[0] : fields[0][1])));
    return card;
  }
  const shown = fields.slice(0, 40);
  card.append(make("dl", null, ...shown.flatMap(([name, value]) =>
    [make("dt", { title: name }, name), make("dd", null, ...marked(marks[name] ? marks[name][0] : value))])));
  if (fields.length > shown.length) card.append(make("p", { class: "more" }, `and ${fields.length - shown.length} more fields`));
  return card;
}

function flatten(value, path = "", depth = 0) {
  if (value instanceof Exact) return [[path, value.source]];
  const isObject = value !== null && typeof value === "object" && !Array.isArray(value);
  if (isObject && Object.keys(value).length > 0 && depth < 20) {
    return Object.entries(value).flatMap(([name, inner]) => flatten(inner, path ? `${path}.${name}` : name, depth + 1));
  }
  return [[path, typeof value === "string" && value !== "" ? value : JSON.stringify(value)]];
}

// Text with marks becomes text nodes and <mark> elements; long texts are cut.
function marked(text) {
  const most = 4000, parts = [];
  let left = most;
  text.split(OPEN).forEach((piece, index) => {
    const at = index === 0 ? -1 : piece.indexOf(CLOSE);
    const inside = at < 0 ? "" : piece.slice(0, at), outside = at < 0 ? piece : piece.slice(at + 1);
    if (inside && left > 0) parts.push(make("mark", null, visible(inside.slice(0, left))));
    left -= inside.length;
    if (outside && left > 0) parts.push(visible(outside.slice(0, left)));
    left -= outside.length;
  });
  if (left < 0) parts.push(" …");
  return parts;
}

// Control characters are shown, not obeyed.
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0080-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

// ---- records over time ----

const STEPS = [1, 10, 100, 1000, 5000, 15000, 60000, 300000, 900000, 3600000, 10800000, 43200000,
  86400000, 604800000, 2592000000, 31536000000];
const STEP_NAMES = { 1: "1 ms", 10: "10 ms", 100: "100 ms", 1000: "1 s", 5000: "5 s", 15000: "15 s", 60000: "1 min",
  300000: "5 min", 900000: "15 min", 3600000: "1 h", 10800000: "3 h", 43200000: "12 h", 86400000: "1 day",
  604800000: "7 days", 2592000000: "30 days", 31536000000: "365 days" };

async function showHistogram(answer, what, topic, turn) {
  const first = answer.aggregations && answer.aggregations.first.value;
  const last = answer.aggregations && answer.aggregations.last.value;
  $("histogram").hidden = true;
  if (typeof first !== "number" || typeof last !== "number" || answer.hits.total.value < 2) return;
  const step = STEPS.find((one) => (last - first) / one <= BARS) || STEPS[STEPS.length - 1];
  const aggs = { time: { date_histogram: { field: "_timestamp", fixed_interval: `${step}ms`, min_doc_count: 1 } } };
  const counts = await ask({ query: what.query, size: 0, track_total_hits: false, aggs }, topic);
  if (turn !== state.asked) return;
  const buckets = counts.aggregations.time.buckets;
  const begin = Math.floor(first / step), bars = Math.floor(last / step) - begin + 1;
  const heights = new Array(Math.min(bars, 400)).fill(0);
  for (const bucket of buckets) {
    const at = Math.floor(bucket.key / step) - begin;
    if (at >= 0 && at < heights.length) heights[at] += bucket.doc_count;
  }
  const most = Math.max(...heights, 1);
  $("bars").replaceChildren(...heights.map((count, index) => {
    const bar = make("div", { class: "bar", title: `${time((begin + index) * step)}: ${counted(count, "record")}` });
    bar.style.height = count === 0 ? "0" : `${Math.max(3, count / most * 100)}%`;
    return bar;
  }));
  $("bars").setAttribute("aria-label", `${counted(answer.hits.total.value, "record")} from ${time(first)} to ${time(last)}, at most ${most} per ${STEP_NAMES[step]}`);
  $("histogram-caption").textContent = `records per ${STEP_NAMES[step]}, at most ${most.toLocaleString("en")}`;
  $("axis-from").textContent = time(begin * step);
  $("axis-to").textContent = time((begin + heights.length) * step);
  $("histogram").hidden = false;
}

// ---- the form, and the address ----

function remember(topic) {
  const address = new URLSearchParams({ q: $("query").value, topic, sort: $("sort").value, size: $("size").value });
  if (state.from > 0) address.set("from", state.from);
  history.replaceState(null, "", `${location.pathname}#${address}`);
}

function recall() {
  const address = new URLSearchParams(location.hash.slice(1) || location.search);
  $("query").value = address.get("q") || "";
  for (const id of ["sort", "size"]) if (address.get(id)) $(id).value = address.get(id);
  const topic = address.get("topic");
  if (topic && topic !== "*") {
    $("topic").append(make("option", { value: topic }, topic));
    $("topic").value = topic;
  }
  state.from = Math.max(0, Math.min(9900, Number(address.get("from")) || 0));
}

function again(from) {
  state.from = from;
  search();
}
$("form").addEventListener("submit", (event) => { event.preventDefault(); again(0); });
for (const id of ["topic", "sort", "size"]) $(id).addEventListener("change", () => again(0));
$("previous").addEventListener("click", () => again(Math.max(0, state.from - Number($("size").value))));
$("next").addEventListener("click", () => again(state.from + Number($("size").value)));
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !typing) { event.preventDefault(); $("query").focus(); }
});
recall();
refresh();
search();
