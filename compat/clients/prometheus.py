"""Prometheus scrapes all nodes, in both text formats, without a warning.

The configuration and the dashboard are what `chronik-dev metrics --export` writes. Prometheus asks
for OpenMetrics by itself; for the classic format it goes through a relay that asks for that one.
"""

import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

from prometheus_client.openmetrics import parser

PROGRAM = os.environ["CHRONIK_BIN"]
CLUSTER = os.environ["CLUSTER"]
WORK = Path(os.environ["WORK"]) / "prometheus"
NODES = os.environ["METRICS"].split(",")
SCRAPES = 3
DEADLINE = 60
OPEN = "application/openmetrics-text; version=1.0.0"
CLASSIC = "text/plain; version=0.0.4"
CONTENT_TYPES = {OPEN: OPEN + "; charset=utf-8", CLASSIC: CLASSIC + "; charset=utf-8"}


def chronik(*words, **options):
    words = [PROGRAM, *words, "--cluster", CLUSTER, "-q"]
    return subprocess.run(words, check=True, timeout=60, capture_output=True, **options).stdout


def get(address, path, accept="*/*"):
    request = urllib.request.Request(f"http://{address}{path}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read()


def scrape(address, accept):
    content_type, text = get(address, "/metrics", accept)
    assert content_type == CONTENT_TYPES[accept], f"{address} answers {accept} with {content_type}"
    return text.decode()


def load():
    """A few records in and out: histograms and rates have something to tell."""
    lines = "".join(f"record {i}\n" for i in range(500)).encode()
    chronik("produce", "scraped", input=lines)
    chronik("consume", "scraped", "--from-beginning", "--max", "500")


def check_formats():
    for address in NODES:
        classic, open_metrics = scrape(address, CLASSIC), scrape(address, OPEN)
        linted = subprocess.run(
            ["promtool", "check", "metrics"], input=classic, text=True, capture_output=True
        )
        told = linted.stdout + linted.stderr
        assert linted.returncode == 0 and not told.strip(), f"promtool on {address}: {told}"
        families = list(parser.text_string_to_metric_families(open_metrics))
        names = {family.name for family in families}
        types = re.findall(r"^# TYPE (\S+) (\S+)$", classic, re.M)
        short = {
            re.sub("_total$", "", name) if kind == "counter" else re.sub("_info$", "", name)
            for name, kind in types
        }
        assert names == short, f"{address}: the formats differ in {names ^ short}"
        assert all(family.documentation for family in families), "a family without help"
    print(f"promtool has no remark and the strict OpenMetrics parser no objection: {len(names)} families")


class Relay(http.server.BaseHTTPRequestHandler):
    """`/N/metrics` is node N's `/metrics` in the classic format."""

    def do_GET(self):
        node = int(self.path.split("/")[1])
        content_type, text = get(NODES[node - 1], "/metrics", CLASSIC)
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def configure(relay):
    """The exported configuration, and a second job with the classic format."""
    chronik("metrics", "--export", str(WORK))
    config = WORK / "prometheus.yml"
    text = config.read_text() + "  - job_name: classic\n    static_configs:\n"
    for node in range(1, len(NODES) + 1):
        text += f'      - targets: ["{relay}"]\n'
        text += f'        labels: {{ __metrics_path__: /{node}/metrics, node: "node-{node}" }}\n'
    config = WORK / "both.yml"
    config.write_text(text)
    subprocess.run(["promtool", "check", "config", config], check=True, capture_output=True)
    return config


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def ask(address, path, **parameters):
    answer = json.loads(get(address, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")[1])
    assert answer["status"] == "success", answer
    assert not answer.get("warnings"), answer["warnings"]
    return answer["data"]


def wait_for_scrapes(address, prometheus):
    """Until every target was scraped a few times, each time well."""
    seen, targets = {}, []
    give_up = time.monotonic() + DEADLINE
    while time.monotonic() < give_up:
        assert prometheus.poll() is None, "prometheus ended"
        try:
            targets = ask(address, "targets", state="active")["activeTargets"]
        except OSError:
            targets = []
        for target in targets:
            assert not target["lastError"], target
            if target["health"] == "up":
                key = (target["scrapePool"], target["labels"]["node"])
                seen.setdefault(key, set()).add(target["lastScrape"])
        if len(seen) == 2 * len(NODES) and all(len(times) >= SCRAPES for times in seen.values()):
            return
        time.sleep(0.1)
    raise AssertionError(f"not every target was scraped {SCRAPES} times: {seen} {targets}")


def check_series(address):
    """Units are told by OpenMetrics only, so they prove which format each job got."""
    for job, unit in [("chronik-dev", "seconds"), ("classic", "")]:
        known = ask(address, "targets/metadata", metric="chronik_wal_sync_seconds", match_target=f'{{job="{job}"}}')
        assert len(known) == len(NODES), known
        assert all(one["unit"] == unit and one["type"] == "histogram" for one in known), (job, known)
        up = ask(address, "query", query=f'sum(min_over_time(up{{job="{job}"}}[1m]))')
        assert up["result"][0]["value"][1] == str(len(NODES)), (job, up)


def check_dashboard(address):
    dashboard = json.loads((WORK / "grafana/chronik-dev.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for expression in expressions:
        query = expression.replace("$cluster", CLUSTER).replace("$node", ".*")
        query = query.replace("$__rate_interval", "1m")
        assert "$" not in query, query
        assert ask(address, "query", query=query)["result"], f"nothing for {query}"
    print(f"every one of the dashboard's {len(expressions)} expressions finds series")


def main():
    chronik("topic", "create", "scraped")
    load()
    check_formats()
    relay = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    config = configure(f"127.0.0.1:{relay.server_port}")
    address = f"127.0.0.1:{free_port()}"
    log = WORK / "prometheus.log"
    words = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={WORK / 'data'}"]
    with log.open("w") as talk:
        prometheus = subprocess.Popen([*words, f"--web.listen-address={address}"], stdout=talk, stderr=talk)
    try:
        wait_for_scrapes(address, prometheus)
        load()
        wait_for_scrapes(address, prometheus)
        check_series(address)
        check_dashboard(address)
        # Before it is asked to end: that too is a warning to it.
        said = [line for line in log.read_text().splitlines() if re.search(r"level=(warn|error)", line)]
        assert not said, said
    finally:
        prometheus.terminate()
        prometheus.wait(30)
    version = subprocess.run(["prometheus", "--version"], capture_output=True, text=True).stdout
    print(f"{' '.join(version.split()[:3])} scraped {len(NODES)} nodes in both formats without a warning")


main()
