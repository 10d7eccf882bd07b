"""Two OAuth clients that many programs use, unmodified: `sign_in.py URL ENV_FILE`.

Each signs in, refreshes, revokes and raises its own errors. In the end the quota of the login is used up: whoever
signs in within the next minute is refused.
"""

import os
import sys
from collections.abc import Callable

# The API is at http://127.0.0.1; oauthlib insists on https otherwise.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import authlib.integrations.base_client.errors as authlib_errors
import requests
from authlib.integrations.requests_client import OAuth2Session as AuthlibSession
from oauthlib.oauth2 import LegacyApplicationClient
from oauthlib.oauth2.rfc6749 import errors as oauthlib_errors
from requests_oauthlib import OAuth2Session as OauthlibSession

from bookshelf import PASSWORD, Api, Tally

Token = dict[str, object]


class Oauthlib:
    """oauthlib in the dress of requests-oauthlib."""

    name = "oauthlib"

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = LegacyApplicationClient(client_id="shelf-app")
        self.session = OauthlibSession(client=self.client)

    def sign_in(self, username: str, password: str, **options: object) -> Token:
        login = f"{self.url}/auth/login"
        return self.session.fetch_token(login, username=username, password=password, **options)

    def refresh(self) -> Token:
        return self.session.refresh_token(f"{self.url}/auth/refresh")

    def revoke(self, token: str, hint: str) -> requests.Response:
        # requests-oauthlib leaves the sending to its user.
        revoke = f"{self.url}/auth/revoke"
        url, headers, body = self.client.prepare_token_revocation_request(revoke, token, token_type_hint=hint)
        return requests.post(url, headers=headers, data=body, timeout=20)

    @staticmethod
    def error_code(error: Exception) -> str | None:
        kinds = (oauthlib_errors.InvalidGrantError, oauthlib_errors.TemporarilyUnavailableError)
        return error.error if isinstance(error, kinds) else None


class Authlib:
    """Authlib on requests, as a public client."""

    name = "authlib"

    def __init__(self, url: str) -> None:
        self.url = url
        options = {"token_endpoint_auth_method": "none", "revocation_endpoint_auth_method": "none"}
        self.session = AuthlibSession("shelf-app", **options)

    def sign_in(self, username: str, password: str, **options: object) -> Token:
        login = f"{self.url}/auth/login"
        return self.session.fetch_token(login, username=username, password=password, **options)

    def refresh(self) -> Token:
        return self.session.refresh_token(f"{self.url}/auth/refresh")

    def revoke(self, token: str, hint: str) -> requests.Response:
        return self.session.revoke_token(f"{self.url}/auth/revoke", token=token, token_type_hint=hint)

    @staticmethod
    def error_code(error: Exception) -> str | None:
        return error.error if isinstance(error, authlib_errors.OAuthError) else None


Client = Oauthlib | Authlib


def raised(client: Client, call: Callable[[], object]) -> object:
    """The `error` of the library's own exception, or whatever else came of the call."""
    try:
        return f"no exception, but {call()!r}"
    except Exception as error:  # Any: the case shows which it was.
        return client.error_code(error) or repr(error)


def me(client: Client) -> requests.Response:
    """Uses the token as the library does; 401 is an answer like any other here."""
    token = {"Authorization": f"Bearer {client.session.token['access_token']}"}
    return requests.get(f"{client.url}/auth/me", headers=token, timeout=20)


def lives_its_life(kind: type[Client], api: Api, username: str, tally: Tally) -> None:
    """Signs in, reads, refreshes, revokes, and is told so."""
    client = kind(api.url)
    token = client.sign_in(username, PASSWORD)
    tally.check(f"{kind.name} signs in", token["token_type"] == "Bearer" and token["expires_in"] == 600, token)
    read = client.session.get(f"{api.url}/auth/me", timeout=20)
    tally.check(f"{kind.name} is let in", read.json().get("username") == username, read.text)
    renewed = client.refresh()
    changed = all(renewed[part] != token[part] for part in ("access_token", "refresh_token"))
    tally.check(f"{kind.name} refreshes", changed and "expires_at" in renewed, renewed)
    read = client.session.get(f"{api.url}/auth/me", timeout=20)
    tally.check(f"{kind.name} is let in with the new token", read.status_code == 200, read.text)
    revoked = client.revoke(renewed["refresh_token"], "refresh_token")
    quiet = revoked.status_code == 200 and revoked.content == b""
    tally.check(f"{kind.name} revokes", quiet, (revoked.status_code, revoked.text))
    tally.check(f"{kind.name}: the access token is dead", me(client).status_code == 401, me(client).text)
    tally.check(f"{kind.name}: the refresh token is dead", *refuses(client, client.refresh, "invalid_grant"))
    again = client.revoke(renewed["refresh_token"], "refresh_token")
    tally.check(f"{kind.name} revokes twice", again.status_code == 200, again.text)


def refuses(client: Client, call: Callable[[], object], code: str) -> tuple[bool, object]:
    """Whether the call raises the library's own error with this code, and what it did raise."""
    seen = raised(client, call)
    return seen == code, seen


def hears_of_mistakes(kind: type[Client], api: Api, username: str, tally: Tally) -> None:
    """Wrong passwords, unknown users, tokens that are none, and revoking by the access token."""
    client = kind(api.url)
    wrong = lambda: client.sign_in(username, "not the password")
    tally.check(f"{kind.name}: a wrong password", *refuses(client, wrong, "invalid_grant"))
    stranger = lambda: client.sign_in(f"not-{username}", PASSWORD)
    tally.check(f"{kind.name}: an unknown user", *refuses(client, stranger, "invalid_grant"))
    token = client.sign_in(username, PASSWORD)
    client.session.token = {**token, "refresh_token": token["access_token"]}
    tally.check(f"{kind.name}: a token of another kind", *refuses(client, client.refresh, "invalid_grant"))
    unknown = client.revoke("x.y.z", "access_token")
    tally.check(f"{kind.name}: revoking no token", unknown.status_code == 200, unknown.text)
    tally.check(f"{kind.name}: a stranger's end is not mine", me(client).status_code == 200, me(client).text)
    # The hint is wrong, and only a hint (RFC 7009 §2.1).
    client.revoke(token["access_token"], "refresh_token")
    tally.check(f"{kind.name}: revoked by the access token", me(client).status_code == 401, me(client).text)
    client.session.token = token
    tally.check(f"{kind.name}: and so is its session", *refuses(client, client.refresh, "invalid_grant"))


def use_up_the_quota(url: str) -> int:
    """Requests that cost no password hash, until they are refused."""
    for sent in range(100):
        if requests.post(f"{url}/auth/login", data={"grant_type": "none"}, timeout=20).status_code == 429:
            return sent
    raise AssertionError("a hundred requests at the login, and none was refused")


def is_throttled(kind: type[Client], api: Api, username: str, tally: Tally) -> None:
    """The right password, too often."""
    client, seen = kind(api.url), []
    client.session.hooks["response"].append(lambda response, **_: seen.append(response))
    call = lambda: client.sign_in(username, PASSWORD)
    tally.check(f"{kind.name}: a quota", *refuses(client, call, "temporarily_unavailable"))
    told = [(response.status_code, response.headers.get("Retry-After", "").isdigit()) for response in seen]
    tally.check(f"{kind.name}: the wait can be read", told == [(429, True)], told)


def main(url: str) -> None:
    api, tally = Api(url), Tally()
    users = {kind: api.register(kind.name)["username"] for kind in (Oauthlib, Authlib)}
    for kind, username in users.items():
        lives_its_life(kind, api, username, tally)
        hears_of_mistakes(kind, api, username, tally)
    use_up_the_quota(url)
    for kind, username in users.items():
        is_throttled(kind, api, username, tally)
    tally.finish(at_least=30)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
