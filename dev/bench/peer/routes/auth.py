"""Registration, sign-in with the OAuth2 password flow, and rotation of refresh tokens."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, status
from fastapi.security import OAuth2PasswordRequestForm
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from deps import CurrentUser, Session, require_role
from models import RefreshRequest, RefreshTokenORM, Token, User, UserCreate, UserORM
from security import create_access_token, create_refresh_token, decode_token, hash_password, verify_password

router = APIRouter(prefix="/auth", tags=["auth"])


def issue(user: UserORM, db: Session) -> Token:
    refresh_token, jti = create_refresh_token(user.username, user.role)
    db.add(RefreshTokenORM(jti=jti, user_id=user.id))
    return Token(access_token=create_access_token(user.username, user.role), refresh_token=refresh_token)


@router.post("/register", response_model=User, status_code=status.HTTP_201_CREATED)
async def register(new_user: UserCreate, db: Session):
    user = UserORM(username=new_user.username, hashed_password=await hash_password(new_user.password))
    db.add(user)
    try:
        await db.commit()
    except IntegrityError:
        raise HTTPException(status.HTTP_409_CONFLICT, "Username already taken")
    return user


@router.post("/login", response_model=Token)
async def login(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Session):
    user = await db.scalar(select(UserORM).where(UserORM.username == form.username))
    if user is None or not await verify_password(form.password, user.hashed_password):
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, "Incorrect username or password", headers={"WWW-Authenticate": "Bearer"}
        )
    token = issue(user, db)
    await db.commit()
    return token


@router.post("/refresh", response_model=Token)
async def refresh(body: RefreshRequest, db: Session):
    claims = decode_token(body.refresh_token, "refresh")
    stored = claims and await db.get(RefreshTokenORM, claims["jti"])
    if not stored or stored.revoked:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Invalid refresh token")
    user = await db.get(UserORM, stored.user_id)
    if user is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Invalid refresh token")
    stored.revoked = True
    token = issue(user, db)
    await db.commit()
    return token


@router.get("/me", response_model=User)
async def me(user: CurrentUser):
    return user


@router.get("/admin-only")
async def admin_only(user: Annotated[UserORM, Depends(require_role("admin"))]):
    return {"message": f"Hello, {user.username}"}
