"""Passwords with bcrypt, and access and refresh tokens as JWT."""

import asyncio
import os
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import bcrypt
import jwt

SECRET = os.environ["JWT_SECRET"]
ALGORITHM = "HS256"
ACCESS_MINUTES, REFRESH_DAYS = 10, 7
COST = int(os.environ.get("BCRYPT_COST", "12"))


async def hash_password(password: str) -> str:
    hashed = await asyncio.to_thread(bcrypt.hashpw, password.encode(), bcrypt.gensalt(COST))
    return hashed.decode()


async def verify_password(password: str, hashed: str) -> bool:
    return await asyncio.to_thread(bcrypt.checkpw, password.encode(), hashed.encode())


def create_token(kind: str, username: str, role: str, life: timedelta) -> tuple[str, str]:
    now, jti = datetime.now(timezone.utc), str(uuid.uuid4())
    claims = {"sub": username, "role": role, "type": kind, "jti": jti, "iat": now, "exp": now + life}
    return jwt.encode(claims, SECRET, algorithm=ALGORITHM), jti


def create_access_token(username: str, role: str) -> str:
    return create_token("access", username, role, timedelta(minutes=ACCESS_MINUTES))[0]


def create_refresh_token(username: str, role: str) -> tuple[str, str]:
    return create_token("refresh", username, role, timedelta(days=REFRESH_DAYS))


def decode_token(token: str, kind: str) -> dict[str, Any] | None:
    try:
        claims = jwt.decode(token, SECRET, algorithms=[ALGORITHM])
    except jwt.InvalidTokenError:
        return None
    return claims if claims.get("type") == kind else None
