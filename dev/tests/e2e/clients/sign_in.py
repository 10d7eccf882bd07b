"""Two OAuth clients that many programs use, unmodified: `sign_in.py URL ENV_FILE`.

Each signs in, refreshes, revokes and raises its own errors. At the end the quota of the login is used up: every
sign-in within the next minute is refused.
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

from bookshelf import PASSWORD, Api, CaseCounter

Token = dict[str, object]


class Oauthlib:
    """oauthlib through requests-oauthlib."""

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
    """The `error` of the library's own exception, or a description of another result."""
    try:
        return f"no exception, but {call()!r}"
    except Exception as error:  # The failed case shows which exception it was.
        return client.error_code(error) or repr(error)


def me(client: Client) -> requests.Response:
    """Uses the token as the library does, without an exception for a 401."""
    token = {"Authorization": f"Bearer {client.session.token['access_token']}"}
    return requests.get(f"{client.url}/auth/me", headers=token, timeout=20)


def signs_in_refreshes_and_revokes(kind: type[Client], api: Api, username: str, counter: CaseCounter) -> None:
    """Signs in, reads, refreshes and revokes; afterwards no token is valid."""
    client = kind(api.url)
    token = client.sign_in(username, PASSWORD)
    counter.check(f"{kind.name} signs in", token["token_type"] == "Bearer" and token["expires_in"] == 600, token)
    read = client.session.get(f"{api.url}/auth/me", timeout=20)
    counter.check(f"{kind.name} is accepted", read.json().get("username") == username, read.text)
    renewed = client.refresh()
    changed = all(renewed[part] != token[part] for part in ("access_token", "refresh_token"))
    counter.check(f"{kind.name} refreshes", changed and "expires_at" in renewed, renewed)
    read = client.session.get(f"{api.url}/auth/me", timeout=20)
    counter.check(f"{kind.name} is accepted with the new token", read.status_code == 200, read.text)
    revoked = client.revoke(renewed["refresh_token"], "refresh_token")
    quiet = revoked.status_code == 200 and revoked.content == b""
    counter.check(f"{kind.name} revokes", quiet, (revoked.status_code, revoked.text))
    counter.check(f"{kind.name}: the access token is invalid", me(client).status_code == 401, me(client).text)
    counter.check(f"{kind.name}: the refresh token is invalid", *refuses(client, client.refresh, "invalid_grant"))
    again = client.revoke(renewed["refresh_token"], "refresh_token")
    counter.check(f"{kind.name} revokes twice", again.status_code == 200, again.text)


def refuses(client: Client, call: Callable[[], object], code: str) -> tuple[bool, object]:
    """Whether the call raises the library's own error with this code, and what it did raise."""
    seen = raised(client, call)
    return seen == code, seen


def reports_errors(kind: type[Client], api: Api, username: str, counter: CaseCounter) -> None:
    """Wrong passwords, unknown users, invalid tokens, and revocation by the access token."""
    client = kind(api.url)
    wrong = lambda: client.sign_in(username, "not the password")
    counter.check(f"{kind.name}: a wrong password", *refuses(client, wrong, "invalid_grant"))
    unknown_user = lambda: client.sign_in(f"not-{username}", PASSWORD)
    counter.check(f"{kind.name}: an unknown user", *refuses(client, unknown_user, "invalid_grant"))
    token = client.sign_in(username, PASSWORD)
    client.session.token = {**token, "refresh_token": token["access_token"]}
    counter.check(f"{kind.name}: a token of another kind", *refuses(client, client.refresh, "invalid_grant"))
    unknown = client.revoke("x.y.z", "access_token")
    counter.check(f"{kind.name}: revoking no token", unknown.status_code == 200, unknown.text)
    counter.check(f"{kind.name}: an unknown token ends no session", me(client).status_code == 200, me(client).text)
    # The hint is wrong, and only a hint (RFC 7009 §2.1).
    client.revoke(token["access_token"], "refresh_token")
    counter.check(f"{kind.name}: revoked by the access token", me(client).status_code == 401, me(client).text)
    client.session.token = token
    counter.check(f"{kind.name}: and so is its session", *refuses(client, client.refresh, "invalid_grant"))


def use_up_the_quota(url: str) -> int:
    """Sends requests that cost no password hash until one is refused; returns how many were not."""
    for sent in range(100):
        if requests.post(f"{url}/auth/login", data={"grant_type": "none"}, timeout=20).status_code == 429:
            return sent
    raise AssertionError("a hundred requests at the login, and none was refused")


def reports_the_rate_limit(kind: type[Client], api: Api, username: str, counter: CaseCounter) -> None:
    """The right password is refused when the quota is used up."""
    client, seen = kind(api.url), []
    client.session.hooks["response"].append(lambda response, **_: seen.append(response))
    call = lambda: client.sign_in(username, PASSWORD)
    counter.check(f"{kind.name}: a quota", *refuses(client, call, "temporarily_unavailable"))
    waits = [(response.status_code, response.headers.get("Retry-After", "").isdigit()) for response in seen]
    counter.check(f"{kind.name}: the wait can be read", waits == [(429, True)], waits)


def main(url: str) -> None:
    api, counter = Api(url), CaseCounter()
    users = {kind: api.register(kind.name)["username"] for kind in (Oauthlib, Authlib)}
    for kind, username in users.items():
        signs_in_refreshes_and_revokes(kind, api, username, counter)
        reports_errors(kind, api, username, counter)
    use_up_the_quota(url)
    for kind, username in users.items():
        reports_the_rate_limit(kind, api, username, counter)
    counter.finish(at_least=30)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
