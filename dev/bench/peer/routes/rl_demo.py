"""Demonstrates the rate limiter."""

from fastapi import APIRouter, Depends

from rate_limit import RateLimit, limiter

router = APIRouter(prefix="/rl-demo", tags=["rl-demo"])

PING = RateLimit.from_env("ping", 5, 10)
LOGIN_SIM = RateLimit.from_env("login_sim", 3, 60)


@router.get("/ping", dependencies=[Depends(limiter(PING))])
async def ping():
    return {"ok": True}


@router.post("/login-sim", dependencies=[Depends(limiter(LOGIN_SIM))])
async def login_sim():
    return {"ok": True}
