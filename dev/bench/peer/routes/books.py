"""Books: list, read, create, update, delete."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query, status
from sqlalchemy import Select, func, select

from cache import bump_cache_version, cache_key, get_json, set_json
from deps import CurrentUser, Session, require_role
from models import Book, BookCreate, BookORM, BookUpdate, Page

router = APIRouter(prefix="/books", tags=["books"])

SORTABLE = {"id": BookORM.id, "title": BookORM.title, "author": BookORM.author, "year": BookORM.year}


def ordered(query: Select, sort_by: str, sort_dir: str) -> Select:
    for part in sort_by.split(","):
        name, _, direction = part.strip().partition(":")
        column = SORTABLE.get(name)
        if column is None:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, f"Cannot sort by {name}")
        query = query.order_by(column.desc() if (direction or sort_dir) == "desc" else column.asc())
    return query


@router.get("", response_model=Page)
async def list_books(
    db: Session,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=100)] = 10,
    title_contains: str | None = None,
    author: str | None = None,
    year_from: int | None = None,
    year_to: int | None = None,
    sort_by: str = "id",
    sort_dir: str = "asc",
):
    key = await cache_key(
        {
            "page": page,
            "page_size": page_size,
            "title_contains": title_contains,
            "author": author,
            "year_from": year_from,
            "year_to": year_to,
            "sort_by": sort_by,
            "sort_dir": sort_dir,
        }
    )
    if (cached := await get_json(key)) is not None:
        return cached
    query = select(BookORM)
    if title_contains:
        query = query.where(BookORM.title.icontains(title_contains, autoescape=True))
    if author:
        query = query.where(func.lower(BookORM.author) == author.lower())
    if year_from is not None:
        query = query.where(BookORM.year >= year_from)
    if year_to is not None:
        query = query.where(BookORM.year <= year_to)
    total = await db.scalar(select(func.count()).select_from(query.subquery()))
    rows = await db.scalars(ordered(query, sort_by, sort_dir).offset((page - 1) * page_size).limit(page_size))
    items = [Book.model_validate(row) for row in rows]
    answer = Page(items=items, page=page, page_size=page_size, total=total or 0)
    await set_json(key, answer.model_dump())
    return answer


async def existing(book_id: int, db: Session) -> BookORM:
    book = await db.get(BookORM, book_id)
    if book is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "Book not found")
    return book


Existing = Annotated[BookORM, Depends(existing)]


@router.get("/{book_id}", response_model=Book)
async def get_book(book: Existing):
    return book


@router.post("", response_model=Book, status_code=status.HTTP_201_CREATED)
async def create_book(new_book: BookCreate, db: Session, _: CurrentUser):
    book = BookORM(**new_book.model_dump())
    db.add(book)
    await db.commit()
    await bump_cache_version()
    return book


@router.put("/{book_id}", response_model=Book)
async def update_book(update: BookUpdate, db: Session, _: CurrentUser, book: Existing):
    for name, value in update.model_dump(exclude_unset=True).items():
        setattr(book, name, value)
    await db.commit()
    await bump_cache_version()
    return book


@router.delete("/{book_id}", status_code=status.HTTP_204_NO_CONTENT, dependencies=[Depends(require_role("admin"))])
async def delete_book(db: Session, book: Existing) -> None:
    await db.delete(book)
    await db.commit()
    await bump_cache_version()
