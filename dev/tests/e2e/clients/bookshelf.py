"""What the scripts beside this one share: the API seen plainly, its stack's variables, and the tally of cases."""

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
class Answer:
    """An answer, read to its end. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """The body if it is an object, else nothing: a case that expects more fails by itself."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def __str__(self) -> str:
        challenge = self.headers.get("www-authenticate")
        return f"{self.status} {self.headers.get('content-type')} {challenge=} {self.body[:300]!r}"


class Api:
    """The API through nothing but Python's own client, so that anything can be sent to it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)

    def call(self, method: str, path: str, headers: dict[str, str | bytes] | None = None, body: str = "") -> Answer:
        """Sends one request; again if a quota that other cases used up refuses it."""
        for _ in range(50):
            self.connection.request(method, path, body.encode(), headers or {})
            response = self.connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, fields, response.read())
            if answer.status != 429:
                break
            time.sleep(0.1)
        return answer

    def form(self, path: str, **fields: str | bytes) -> Answer:
        """Posts a form."""
        return self.call("POST", path, {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(fields))

    def with_token(self, method: str, path: str, token: str | bytes, body: str = "") -> Answer:
        """Sends a request with a bearer token, byte for byte."""
        token = token.encode() if isinstance(token, str) else token
        return self.call(method, path, {"Authorization": b"Bearer " + token, "Content-Type": "application/json"}, body)

    def register(self, name: str) -> dict[str, Any]:
        """A new user with [`PASSWORD`], called `name` and something that no earlier run took."""
        registration = json.dumps({"username": f"{name}-{token_hex(4)}", "password": PASSWORD})
        answer = self.call("POST", "/auth/register", {"Content-Type": "application/json"}, registration)
        assert answer.status == 201, answer
        return answer.json()

    def sign_in(self, username: str) -> dict[str, Any]:
        """Tokens for that user."""
        answer = self.form("/auth/login", username=username, password=PASSWORD)
        assert answer.status == 200, answer
        return answer.json()


class Tally:
    """Counts cases and prints a line for each that failed."""

    def __init__(self) -> None:
        self.cases = 0
        self.failed = 0

    def check(self, name: str, right: bool, seen: object) -> None:
        """One case."""
        self.cases += 1
        if not right:
            self.failed += 1
            print(f"FAILED {name}: {seen}")

    def finish(self, at_least: int) -> None:
        """Ends the script; a table that became empty is a failure too."""
        print(f"{self.cases} cases, {self.failed} failed")
        sys.exit(0 if self.failed == 0 and self.cases >= at_least else 1)


def variables(env_file: str) -> dict[str, str]:
    """The stack's variables, as a POSIX shell reads them."""
    return dict(word.split("=", 1) for word in shlex.split(Path(env_file).read_text()))
