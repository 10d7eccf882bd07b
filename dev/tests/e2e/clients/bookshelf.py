"""Shared by the scripts in this folder: a plain client, the variables of the stack, and a counter of cases."""

import http.client
import json
import shlex
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlencode, urlsplit

PASSWORD = "correct horse battery staple"


@dataclass
class Response:
    """A complete response. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body if it is a JSON object, else an empty one, with which a case that expects members fails."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def __str__(self) -> str:
        challenge = self.headers.get("www-authenticate")
        return f"{self.status} {self.headers.get('content-type')} {challenge=} {self.body[:300]!r}"


class Api:
    """The API through the client of the standard library, which sends any bytes."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)

    def call(self, method: str, path: str, headers: dict[str, str | bytes] | None = None, body: str = "") -> Response:
        """Sends a request, up to 50 times while other cases have used up the quota."""
        for _ in range(50):
            self.connection.request(method, path, body.encode(), headers or {})
            raw = self.connection.getresponse()
            fields = {name.lower(): value for name, value in raw.getheaders()}
            response = Response(raw.status, fields, raw.read())
            if response.status != 429:
                break
            time.sleep(0.1)
        return response

    def form(self, path: str, **fields: str | bytes) -> Response:
        """Posts a form."""
        return self.call("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields))

    def with_token(self, method: str, path: str, token: str | bytes, body: str = "") -> Response:
        """Sends a request with a bearer token, byte for byte."""
        token = token.encode() if isinstance(token, str) else token
        return self.call(method, path, {"Authorization": b"Bearer " + token, "Content-Type": "application/json"}, body)

    def register(self, name: str) -> dict[str, Any]:
        """Registers a user with [`PASSWORD`], called `name` and a random suffix, and returns it."""
        registration = json.dumps({"username": f"{name}-{token_hex(4)}", "password": PASSWORD})
        response = self.call("POST", "/auth/register", {"Content-Type": "application/json"}, registration)
        assert response.status == 201, response
        return response.json()

    def sign_in(self, username: str) -> dict[str, Any]:
        """Signs in as that user and returns its tokens."""
        response = self.form("/auth/login", username=username, password=PASSWORD)
        assert response.status == 200, response
        return response.json()


class CaseCounter:
    """Counts cases and prints a line for each that failed."""

    def __init__(self) -> None:
        self.cases = 0
        self.failed = 0

    def check(self, name: str, right: bool, seen: object) -> None:
        """Counts one case, which failed unless `right`."""
        self.cases += 1
        if not right:
            self.failed += 1
            print(f"FAILED {name}: {seen}")

    def finish(self, at_least: int) -> None:
        """Ends the script; with an error also if there were fewer cases than `at_least`."""
        print(f"{self.cases} cases, {self.failed} failed")
        sys.exit(0 if self.failed == 0 and self.cases >= at_least else 1)


def variables(env_file: str) -> dict[str, str]:
    """The stack's variables, as a POSIX shell reads them."""
    return dict(word.split("=", 1) for word in shlex.split(Path(env_file).read_text()))
