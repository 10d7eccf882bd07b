"""Counts failed sign-ins by IP in Redis; too many lock further attempts for a while."""

from cache import PREFIX, client

THRESHOLD, WINDOW, LOCK = 5, 120, 60


async def is_locked(ip: str) -> bool:
    return bool(await client.exists(f"{PREFIX}bf:lock:{ip}"))


async def register_failure(ip: str) -> int:
    key = f"{PREFIX}bf:count:{ip}"
    failures = await client.incr(key)
    if failures == 1:
        await client.expire(key, WINDOW)
    if failures >= THRESHOLD:
        await client.set(f"{PREFIX}bf:lock:{ip}", "1", ex=LOCK)
        await client.delete(key)
    return failures


async def clear(ip: str) -> None:
    await client.delete(f"{PREFIX}bf:count:{ip}", f"{PREFIX}bf:lock:{ip}")
