#!/usr/bin/env bash
# Serves the Python original at http://127.0.0.1:9100 beside a running `cargo xtask up` or `cargo xtask stack`: on the
# same servers, in a database and under keys of its own.
set -eu
cd "$(dirname "$0")"
root=$(cd ../../.. && pwd)
if [ ! -f "$root/target/stack/env" ]; then
    echo "Start \`cargo xtask up\` in another terminal first." >&2
    exit 1
fi
. "$root/target/stack/env"
environment=$root/target/tools/uvicorn
python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --require-hashes --no-deps --only-binary=:all: \
    --requirement ../peer/requirements.txt --requirement requirements.txt
export DATABASE_URL REDIS_URL="$REDIS_ADMIN_URL" REDIS_KEY_PREFIX='{fastapi}:' JWT_SECRET="$PASSWORD_PEPPER"
# No compiled files among the sources.
export PYTHONDONTWRITEBYTECODE=1
exec "$environment/bin/python" serve.py
