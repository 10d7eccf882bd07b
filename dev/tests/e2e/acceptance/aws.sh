#!/usr/bin/env bash
# Stands in for `aws logs filter-log-events`: the log has one line, of a request for /health.
set -euo pipefail
[[ "$1 $2" == "logs filter-log-events" && $* == *"--log-group-name the-log"* ]]
cat <<'JSON'
{"events": [{"message": "{\"requestId\":\"JKJaXmPLvHcESHA=\",\"method\":\"GET\",\"route\":\"ANY /health\",\"status\":\"200\"}"}]}
JSON
