"""Hundreds of hostile tokens against the API: `hostile.py URL ENV_FILE`.

Each is sent where an access token is asked for (to the function that signs them, and to one that can only verify them
if there is one) and, forged from a refresh token, to the refresh endpoint.
"""

import http.server
import sys
import threading
import warnings
from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

import cases
import claims
from bookshelf import Response, Api, CaseCounter, variables
from cases import REFUSED, Case
from forge import Forge, OwnKeys, compact

# PyJWT is right that some of these secrets are short.
warnings.simplefilter("ignore")


class KeyServer:
    """A server whose URL is in `jku` and `x5u`. The API must never request it."""

    def __init__(self, key_set: bytes) -> None:
        requests = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(key_set)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def certificate(own: OwnKeys) -> str:
    """A self-signed certificate in the form of `x5c`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bookshelf")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, own.ed25519.public_key(), 1, now, now + timedelta(days=1))
    return b64encode(builder.sign(own.ed25519, None).public_bytes(Encoding.DER)).decode()


def table(forge: Forge, other_user: Forge, own: OwnKeys, published: Response, key_server: KeyServer) -> Iterator[Case]:
    """All cases, made from a real token."""
    yield from cases.algorithms(forge, own, published)
    yield from cases.key_ids(forge)
    yield from cases.headers(forge, own, published, key_server.url, certificate(own))
    yield from cases.shapes(forge)
    yield from claims.parties(forge, other_user)
    yield from claims.times(forge)
    yield from claims.roles(forge)
    yield from claims.texts(forge, other_user)


def is_refusal(response: Response) -> bool:
    """A 401 as RFC 6750 §3 and RFC 9457 define it."""
    challenge = response.headers.get("www-authenticate", "")
    named = challenge.startswith("Bearer ") and 'error="invalid_token"' in challenge
    return response.status == 401 and named and is_problem(response)


def is_problem(response: Response) -> bool:
    media_type = response.headers.get("content-type") == "application/problem+json"
    return media_type and response.json().get("status") == response.status


def grants_nothing_more(api: Api, token: str | bytes, user: dict[str, object]) -> tuple[bool, object]:
    """Whether the token is refused, or accepted for this user alone, without the rights of an administrator."""
    response = api.with_token("GET", "/auth/me", token)
    if is_refusal(response):
        return True, response
    admin = api.with_token("GET", "/auth/admin-only", token)
    return response.status == 200 and response.json() == user and admin.status == 403, f"{response} and {admin}"


def check_access_token(api: Api, case: Case, user: dict[str, object], counter: CaseCounter) -> None:
    """Sends an access token to a function with the private key, and to one without if there is one."""
    name, token, expected = case
    if not fits_a_header(token):
        return
    if expected != REFUSED:
        counter.check(f"/auth/me: {name}", *grants_nothing_more(api, token, user))
        return
    response = api.with_token("GET", "/auth/me", token)
    counter.check(f"/auth/me: {name}", is_refusal(response), response)
    # part of books
    response = api.with_token("PUT", "/books/987654321", token, "{}")
    counter.check(f"/books: {name}", is_refusal(response), response)
    # end of part


def fits_a_header(token: str | bytes) -> bool:
    """Whether a header can contain the token. Line ends and NULs are impossible, and cargo-lambda answers broken UTF-8
    with a plain 500 of its own. Such tokens are sent to the refresh endpoint alone."""
    try:
        return not {"\n", "\0"} & set(as_bytes(token).decode())
    except UnicodeDecodeError:
        return False


def as_bytes(token: str | bytes) -> bytes:
    return token if isinstance(token, bytes) else token.encode()


def check_refresh_token(api: Api, case: Case, counter: CaseCounter) -> None:
    """Sends a refresh token. Even a well-formed forgery is refused, since it is not in the database."""
    name, token, _ = case
    response = api.form("/auth/refresh", grant_type="refresh_token", refresh_token=token)
    # A token that is no text or far too long makes the request invalid.
    plain = as_bytes(token).isascii() and as_bytes(token).decode().isprintable() and len(token) < 10_000
    permitted = {"invalid_grant"} if plain and token else {"invalid_grant", "invalid_request"}
    right = response.status == 400 and is_problem(response) and response.json().get("error") in permitted
    counter.check(f"/auth/refresh: {name}", right, response)


def check_forge(api: Api, forge: Forge, user: dict[str, object], counter: CaseCounter) -> None:
    """Checks that unchanged tokens are accepted: otherwise the refusals would prove nothing."""
    promoted = forge.by_pyjwt({}, {"role": "admin"})
    for name, token in (("PyJWT", forge.by_pyjwt()), ("hand", forge.by_hand()), ("PyJWT for an admin", promoted)):
        response = api.with_token("GET", "/auth/me", token)
        counter.check(f"a good token by {name}: me", response.status == 200 and response.json() == user, response)
        # part of books
        response = api.with_token("PUT", "/books/987654321", token, "{}")
        counter.check(f"a good token by {name}: books", response.status == 404, response)
        # end of part
        response = api.with_token("GET", "/auth/admin-only", token)
        counter.check(f"a good token by {name}: admin", response.status == 403, response)


def main(url: str, env_file: str) -> None:
    api, env, own, counter = Api(url), variables(env_file), OwnKeys(), CaseCounter()
    user, other_registered = api.register("owner"), api.register("other")
    tokens, other_tokens = (api.sign_in(registered["username"]) for registered in (user, other_registered))
    published = api.call("GET", "/.well-known/jwks.json")
    key_server = KeyServer(compact({"keys": [own.jwk("mine")]}))
    access, refresh = (Forge(tokens[kind], env) for kind in ("access_token", "refresh_token"))
    other_user = Forge(other_tokens["access_token"], env)
    check_forge(api, access, user, counter)
    for case in table(access, other_user, own, published, key_server):
        check_access_token(api, case, user, counter)
    for case in table(refresh, other_user, own, published, key_server):
        check_refresh_token(api, case, counter)
    mixed = ("the refresh token", refresh.original, REFUSED), ("the access token", access.original, REFUSED)
    check_access_token(api, mixed[0], user, counter)
    check_refresh_token(api, mixed[1], counter)
    counter.check("nobody fetched a key", key_server.requests == [], key_server.requests)
    check_forge(api, access, user, counter)
    other_me = api.with_token("GET", "/auth/me", other_user.original)
    counter.check("the other user is still signed in", other_me.json() == other_registered, other_me)
    renewed = api.form("/auth/refresh", refresh_token=refresh.original)
    counter.check("the real refresh token still works", renewed.status == 200, renewed)
    counter.finish(at_least=800)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2])
