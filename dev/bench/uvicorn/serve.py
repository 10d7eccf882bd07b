"""Creates the database `fastapi` on the server of DATABASE_URL, and serves the application in `../peer` from it."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import uvicorn

DATABASE = "fastapi"
PORT = 9100


async def create_database(url: str) -> str:
    """Creates the database unless it exists, and returns its URL."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"create database {DATABASE}")
    except asyncpg.DuplicateDatabaseError:
        pass
    finally:
        await connection.close()
    return urlsplit(url)._replace(path=f"/{DATABASE}").geturl()


os.environ["DATABASE_URL"] = asyncio.run(create_database(os.environ["DATABASE_URL"]))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "peer"))

# These read the environment when they are imported.
import init_db  # noqa: E402

asyncio.run(init_db.main())
uvicorn.run("main:app", host="127.0.0.1", port=PORT)
