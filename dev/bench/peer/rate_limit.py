"""A fixed-window limiter in Redis: INCR, and a TTL that is set by the first request."""

import os
from dataclasses import dataclass

from fastapi import HTTPException, Request

from cache import PREFIX, client


@dataclass(frozen=True)
class RateLimit:
    name: str
    limit: int
    window: int

    @classmethod
    def from_env(cls, name: str, limit: int, window: int) -> "RateLimit":
        text = os.environ.get(f"RATE_LIMIT_{name.upper()}")
        if text:
            limit, window = (int(part) for part in text.split("/"))
        return cls(name, limit, window)


def client_ip(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def limiter(rule: RateLimit, identify=client_ip):
    async def dependency(request: Request) -> None:
        key = f"{PREFIX}rl:{rule.name}:{identify(request)}"
        count = await client.incr(key)
        if count == 1:
            await client.expire(key, rule.window)
        if count > rule.limit:
            wait = await client.ttl(key)
            raise HTTPException(429, "Too many requests", headers={"Retry-After": str(max(wait, 1))})

    return dependency
