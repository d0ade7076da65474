# A script that is no Python, and reads the environment and a file of data.
set -eu
for epoch in 1 2 3; do
    echo "{\"epoch\": $epoch, \"loss\": $(awk -v x="$RATE" -v e="$epoch" '{ print ($1 - x) ^ 2 + 1 / e }' data/target.txt)}"
done > metrics.jsonl
