"""The application. The Lambda runtime client calls `handler`."""

import logging
from contextlib import asynccontextmanager

from fastapi import FastAPI
from mangum import Mangum

from cache import close_redis
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

# With "auto", Mangum would start and stop the application, and close its connections, at each invocation.
handler = Mangum(app, lifespan="off")
