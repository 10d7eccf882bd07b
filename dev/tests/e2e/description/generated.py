"""A client that openapi-python-client generates from the description: `generated.py URL DESCRIPTION`.

With generated code alone it asks for the health, signs in, refreshes its tokens, creates and pages through books, and
reads problems, as far as the API has functions for it.
"""

import sys
import tempfile
from importlib import import_module
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

from openapi_python_client import generate
from openapi_python_client.config import Config, ConfigFile, MetaType

PASSWORD = "correct horse battery staple"

OPERATIONS = {
    "system": ["report_health"],
    # part of auth
    "auth": ["register", "log_in", "refresh_tokens", "show_me", "greet_admin", "list_sessions"],
    # end of part
    # part of books
    "books": ["create_book", "get_book", "list_books", "update_book"],
    # end of part
}


def generated(description: str, folder: str) -> SimpleNamespace:
    """The client's operations, its models and its two kinds of client. A warning is a failure."""
    options = ConfigFile(
        # A formatter; the code runs as it is.
        post_hooks=[],
        content_type_overrides={
            "application/problem+json": "application/json",
            "application/jwk-set+json": "application/json",
        },
    )
    output = Path(folder) / "bookshelf_client"
    config = Config.from_sources(options, MetaType.NONE, Path(description), "utf-8", False, output)
    warnings = list(generate(config=config))
    assert not warnings, warnings
    sys.path.insert(0, folder)
    operations = {
        name: import_module(f"bookshelf_client.api.{tag}.{name}").sync_detailed
        for tag, names in OPERATIONS.items()
        for name in names
    }
    client = import_module("bookshelf_client.client")
    return SimpleNamespace(
        models=import_module("bookshelf_client.models"),
        anonymous=client.Client,
        caller=client.AuthenticatedClient,
        unset=import_module("bookshelf_client.types").UNSET,
        **operations,
    )


# part of auth
def sign_in(api: SimpleNamespace, url: str) -> Any:
    anonymous, name = api.anonymous(base_url=url), f"generated-{token_hex(4)}"
    registration = api.models.Registration(username=name, password=PASSWORD)
    assert api.register(client=anonymous, body=registration).parsed.role == "user"
    taken = api.register(client=anonymous, body=registration)
    assert (taken.status_code, taken.parsed.status) == (409, 409), taken
    wrong = api.log_in(client=anonymous, body=api.models.PasswordGrant(username=name, password="wrong"))
    assert wrong.parsed.error == "invalid_grant", wrong
    tokens = api.log_in(client=anonymous, body=api.models.PasswordGrant(username=name, password=PASSWORD)).parsed
    caller = api.caller(base_url=url, token=tokens.access_token)
    assert api.show_me(client=caller).parsed.username == name
    assert api.greet_admin(client=caller).parsed.type_.endswith(":insufficient-scope")
    [session] = api.list_sessions(client=caller).parsed.items
    assert session.current and session.created_at.tzinfo is not None, session
    grant = api.models.RefreshGrant(refresh_token=tokens.refresh_token)
    renewed = api.refresh_tokens(client=anonymous, body=grant).parsed
    assert renewed.access_token != tokens.access_token, renewed
    assert renewed.refresh_token != tokens.refresh_token, renewed
    return api.caller(base_url=url, token=renewed.access_token)


# end of part
# part of auth and books
def page_through_books(api: SimpleNamespace, caller: Any, count: int) -> None:
    author = f"Author {token_hex(4)}"
    created_ids = []
    for number in range(count):
        book = api.models.NewBook(title=f"Volume {number}", author=author, year=2000 + number)
        created = api.create_book(client=caller, body=book)
        assert created.headers["location"] == f"/books/{created.parsed.id}", created
        created_ids.append(created.parsed.id)
    seen, page = [], 1
    while items := api.list_books(client=caller, author=author, sort_by="year:desc", page=page, page_size=3).parsed.items:
        seen += [book.id for book in items]
        page += 1
    assert seen == created_ids[::-1], (seen, created_ids)
    walked, cursor = [], api.unset
    while cursor is not None:
        part = api.list_books(client=caller, author=author, cursor=cursor, page_size=3).parsed
        walked += [book.id for book in part.items]
        cursor = part.next_cursor
    assert walked == created_ids, (walked, created_ids)
    refused = api.list_books(client=caller, page=0).parsed
    assert [error.field for error in refused.errors] == ["page"], refused
    read = api.get_book(created_ids[0], client=caller)
    again = api.get_book(created_ids[0], client=caller, if_none_match=read.headers["etag"])
    assert again.status_code == 304, again
    patch = api.models.BookUpdate(year=None)
    changed = api.update_book(created_ids[0], client=caller, body=patch, if_match=read.headers["etag"])
    assert changed.parsed.year is None and changed.parsed.title == "Volume 0", changed
    outdated = api.update_book(created_ids[0], client=caller, body=patch, if_match=read.headers["etag"])
    assert outdated.parsed.status == 412, outdated
    print(f"paged through {len(seen)} books on {page - 1} pages")


# end of part
def main(url: str, description: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        api = generated(description, folder)
        health = api.report_health(client=api.anonymous(base_url=url)).parsed
        assert health.status == "ok", health
        # part of auth
        caller = sign_in(api, url)
        # end of part
        # part of auth and books
        page_through_books(api, caller, 10)
        # end of part


if __name__ == "__main__":
    main(*sys.argv[1:])
