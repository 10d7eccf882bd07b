"""Hundreds of hostile tokens against the API: `hostile.py URL ENV_FILE`.

Each is sent where an access token is asked for (once to the function that signs them and once to one that can only
verify them) and, forged from a refresh token, to the refresh endpoint.
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
from bookshelf import Answer, Api, Tally, variables
from cases import REFUSED, Case
from forge import Forge, OwnKeys, compact

# PyJWT is right that some of these secrets are short.
warnings.simplefilter("ignore")


class Lure:
    """A server whose address stands in `jku` and `x5u`. Nobody should ever come."""

    def __init__(self, key_set: bytes) -> None:
        visits = self.visits = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                visits.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(key_set)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/jwks.json"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def certificate(own: OwnKeys) -> str:
    """A self-signed one, as `x5c` holds it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bookshelf")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder(name, name, own.ed25519.public_key(), 1, now, now + timedelta(days=1))
    return b64encode(builder.sign(own.ed25519, None).public_bytes(Encoding.DER)).decode()


def table(forge: Forge, stranger: Forge, own: OwnKeys, published: Answer, lure: Lure) -> Iterator[Case]:
    """Every case, from this real token."""
    yield from cases.algorithms(forge, own, published)
    yield from cases.key_ids(forge)
    yield from cases.headers(forge, own, published, lure.url, certificate(own))
    yield from cases.shapes(forge)
    yield from claims.parties(forge, stranger)
    yield from claims.times(forge)
    yield from claims.roles(forge)
    yield from claims.texts(forge, stranger)


def is_refusal(answer: Answer) -> bool:
    """401 as RFC 6750 §3 and RFC 9457 want it."""
    challenge = answer.headers.get("www-authenticate", "")
    named = challenge.startswith("Bearer ") and 'error="invalid_token"' in challenge
    return answer.status == 401 and named and is_problem(answer)


def is_problem(answer: Answer) -> bool:
    media_type = answer.headers.get("content-type") == "application/problem+json"
    return media_type and answer.json().get("status") == answer.status


def opens_nothing_more(api: Api, token: str | bytes, user: dict[str, object]) -> tuple[bool, object]:
    """Whether it is refused, or lets in this user and nobody else, as a user."""
    answer = api.with_token("GET", "/auth/me", token)
    if is_refusal(answer):
        return True, answer
    admin = api.with_token("GET", "/auth/admin-only", token)
    return answer.status == 200 and answer.json() == user and admin.status == 403, f"{answer} and {admin}"


def at_the_door(api: Api, case: Case, user: dict[str, object], tally: Tally) -> None:
    """An access token, at a function with the private key and at one without."""
    name, token, expected = case
    if not fits_a_header(token):
        return
    if expected != REFUSED:
        tally.check(f"/auth/me: {name}", *opens_nothing_more(api, token, user))
        return
    answer = api.with_token("GET", "/auth/me", token)
    tally.check(f"/auth/me: {name}", is_refusal(answer), answer)
    answer = api.with_token("PUT", "/books/987654321", token, "{}")
    tally.check(f"/books: {name}", is_refusal(answer), answer)


def fits_a_header(token: str | bytes) -> bool:
    """No header holds line ends and NULs, and cargo-lambda answers broken UTF-8 by itself (a plain 500), as it can't
    write it into an event. Such tokens are left to the refresh endpoint."""
    try:
        return not {"\n", "\0"} & set(as_bytes(token).decode())
    except UnicodeDecodeError:
        return False


def as_bytes(token: str | bytes) -> bytes:
    return token if isinstance(token, bytes) else token.encode()


def at_the_refresh(api: Api, case: Case, tally: Tally) -> None:
    """A refresh token. Even a good forgery is unknown there, since the real ones are kept."""
    name, token, _ = case
    answer = api.form("/auth/refresh", grant_type="refresh_token", refresh_token=token)
    # What is no text or far too long is no grant at all.
    plain = as_bytes(token).isascii() and as_bytes(token).decode().isprintable() and len(token) < 10_000
    permitted = {"invalid_grant"} if plain and token else {"invalid_grant", "invalid_request"}
    right = answer.status == 400 and is_problem(answer) and answer.json().get("error") in permitted
    tally.check(f"/auth/refresh: {name}", right, answer)


def the_forge_works(api: Api, forge: Forge, user: dict[str, object], tally: Tally) -> None:
    """Or else every refusal below would prove nothing."""
    promoted = forge.by_pyjwt({}, {"role": "admin"})
    for name, token in (("PyJWT", forge.by_pyjwt()), ("hand", forge.by_hand()), ("PyJWT for an admin", promoted)):
        answer = api.with_token("GET", "/auth/me", token)
        tally.check(f"a good token by {name}: me", answer.status == 200 and answer.json() == user, answer)
        answer = api.with_token("PUT", "/books/987654321", token, "{}")
        tally.check(f"a good token by {name}: books", answer.status == 404, answer)
        answer = api.with_token("GET", "/auth/admin-only", token)
        tally.check(f"a good token by {name}: admin", answer.status == 403, answer)


def main(url: str, env_file: str) -> None:
    api, env, own, tally = Api(url), variables(env_file), OwnKeys(), Tally()
    user, stranger_user = api.register("owner"), api.register("stranger")
    tokens, stranger_tokens = (api.sign_in(registered["username"]) for registered in (user, stranger_user))
    published = api.call("GET", "/.well-known/jwks.json")
    lure = Lure(compact({"keys": [own.jwk("mine")]}))
    access, refresh = (Forge(tokens[kind], env) for kind in ("access_token", "refresh_token"))
    stranger = Forge(stranger_tokens["access_token"], env)
    the_forge_works(api, access, user, tally)
    for case in table(access, stranger, own, published, lure):
        at_the_door(api, case, user, tally)
    for case in table(refresh, stranger, own, published, lure):
        at_the_refresh(api, case, tally)
    mixed = ("the refresh token", refresh.original, REFUSED), ("the access token", access.original, REFUSED)
    at_the_door(api, mixed[0], user, tally)
    at_the_refresh(api, mixed[1], tally)
    tally.check("nobody fetched a key", lure.visits == [], lure.visits)
    the_forge_works(api, access, user, tally)
    theirs = api.with_token("GET", "/auth/me", stranger.original)
    tally.check("the stranger is still in", theirs.json() == stranger_user, theirs)
    renewed = api.form("/auth/refresh", refresh_token=refresh.original)
    tally.check("the real refresh token still works", renewed.status == 200, renewed)
    tally.finish(at_least=800)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), sys.argv[2])
