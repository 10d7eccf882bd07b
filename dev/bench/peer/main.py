"""The application. The Lambda runtime client calls `handler`."""

import asyncio
import logging
import os
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mangum import Mangum

from cache import client, close_redis
from db import engine
from routes import auth, bf_demo, books, rl_demo

logging.basicConfig(level=logging.INFO)


@asynccontextmanager
async def lifespan(_: FastAPI):
    yield
    await close_redis()


app = FastAPI(title="Books API", version="1.0.0", lifespan=lifespan)
app.include_router(books.router)
app.include_router(auth.router)
app.include_router(rl_demo.router)
app.include_router(bf_demo.router)


async def connect() -> None:
    async with engine.connect():
        await client.ping()


# Lambda gives a function a whole processor while it starts, so what is opened here costs the first request nothing.
if os.environ.get("CONNECT_AT_START"):
    asyncio.get_event_loop().run_until_complete(connect())

# With "auto", Mangum would start and stop the application, and close its connections, at each invocation.
handler = Mangum(app, lifespan="off")
