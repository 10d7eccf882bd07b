"""Dependencies for routes that need a signed-in user."""

from typing import Annotated

from fastapi import Depends, HTTPException, status
from fastapi.security import OAuth2PasswordBearer
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from db import get_db
from models import UserORM
from security import decode_token

oauth2_scheme = OAuth2PasswordBearer(tokenUrl="/auth/login")
Session = Annotated[AsyncSession, Depends(get_db)]


async def get_current_user(token: Annotated[str, Depends(oauth2_scheme)], db: Session) -> UserORM:
    claims = decode_token(token, "access")
    user = claims and await db.scalar(select(UserORM).where(UserORM.username == claims["sub"]))
    if not user:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "Could not validate credentials", headers={"WWW-Authenticate": "Bearer"}
        )
    return user


CurrentUser = Annotated[UserORM, Depends(get_current_user)]


def require_role(role: str):
    async def dependency(user: CurrentUser) -> UserORM:
        if user.role != role:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "Not enough permissions")
        return user

    return dependency
