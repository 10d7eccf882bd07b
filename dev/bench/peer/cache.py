"""JSON responses in Redis. Their keys contain a version; raising it invalidates all lists at once."""

import hashlib
import json
import os
from typing import Any

import redis.asyncio as redis

PREFIX = os.environ.get("REDIS_KEY_PREFIX", "peer:")
TTL_SECONDS = 30
VERSION_KEY = f"{PREFIX}books:version"

client = redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


async def close_redis() -> None:
    await client.aclose()


async def cache_key(parameters: dict[str, Any]) -> str:
    version = await client.get(VERSION_KEY) or "0"
    digest = hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()
    return f"{PREFIX}books:v{version}:{digest}"


async def get_json(key: str) -> Any | None:
    stored = await client.get(key)
    return json.loads(stored) if stored else None


async def set_json(key: str, value: Any) -> None:
    await client.set(key, json.dumps(value), ex=TTL_SECONDS)


async def bump_cache_version() -> None:
    await client.incr(VERSION_KEY)
