#!/usr/bin/env bash
# kcat (librdkafka as Debian has it): auto-creates its topics, reads them back in a group.
set -euo pipefail
cd "$(dirname "$0")"
kcat -V | grep -o 'librdkafka [0-9.]*'
for codec in none gzip snappy lz4 zstd; do
    topic=kcat-$codec
    python3 -c '
from check import RECORDS, key, value
for i in range(RECORDS): print(f"{key(i)}|{value(i)}")' |
        kcat -P -b "$BOOTSTRAP" -t "$topic" -K '|' -z "$codec" -X acks=all -X enable.idempotence=true
    kcat -b "$BOOTSTRAP" -G "kcat-$codec-group" -X auto.offset.reset=earliest \
        -c "$RECORDS" -f '%p|%o|%k|%s\n' "$topic" 2>/dev/null |
        python3 -c '
import sys
from check import judge
rows = (line.rstrip("\n").split("|", 3) for line in sys.stdin)
judge(sys.argv[1], [(int(p), int(o), k, v) for p, o, k, v in rows])' "$codec"
    echo "$codec: $RECORDS records in order"
done
