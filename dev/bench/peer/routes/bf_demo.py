"""Demonstrates the brute-force protection; the correct password is `letmein`."""

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from bruteforce import clear, is_locked, register_failure
from rate_limit import client_ip

router = APIRouter(prefix="/bf-demo", tags=["bf-demo"])


class Attempt(BaseModel):
    username: str
    password: str


@router.post("/login")
async def login(attempt: Attempt, request: Request):
    ip = client_ip(request)
    if await is_locked(ip):
        raise HTTPException(429, "Too many failures; try again later")
    if attempt.password != "letmein":
        return {"ok": False, "message": "Wrong password", "failures_for_this_user_ip": await register_failure(ip)}
    await clear(ip)
    return {"ok": True, "message": "Welcome"}
