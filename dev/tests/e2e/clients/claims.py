"""Hostile claims, each signed with the real key, so that only the check of the claims can refuse them."""

import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

from cases import HARMLESS, REFUSED, Case
from forge import GONE, Forge, compact

NO_UUIDS = (
    GONE, None, "", "x", 0, 1.5, True, [], {}, "' or 1=1 --", "../../etc/passwd", "\0", "é" * 32, "0" * 32 + "g",
)  # fmt: skip


def named(forge: Forge, name: str, values: Iterator[Any] | tuple[Any, ...], expected: str) -> Iterator[Case]:
    """One claim with each of these values. PyJWT's JWS signs whatever it is given."""
    for value in values:
        shown = "missing" if value is GONE else repr(value)[:60]
        yield f"{name} {shown}", forge.by_pyjwt({}, {name: value}), expected


def parties(forge: Forge, other_user: Forge) -> Iterator[Case]:
    """Issuer, audience, subject, session and token id."""
    iss, aud, sub, sid = (forge.claims[name] for name in ("iss", "aud", "sub", "sid"))
    other = other_user.claims
    odd = (GONE, None, "", "other", 0, True, {}, [])
    alike = (iss + "/", iss.upper(), [iss], [iss, "other"], iss + "\0", " " + iss)
    yield from named(forge, "iss", (*odd, *alike), REFUSED)
    yield from named(forge, "aud", (*odd, aud + "s", aud[:-1], aud.upper(), {aud: 1}), REFUSED)
    yield from named(forge, "aud", ([aud], [aud, "other"], ["other", aud], [aud, aud], [[aud]], [aud, None]), REFUSED)
    yield from named(forge, "sub", (int(sub), float(sub), other["sub"], "owner", "0", "-1", str(2**63)), REFUSED)
    words = (f"{sub} or 1=1", f"{sub}.0", f"{sub}e0", f" {sub}", f"{sub}\0", chr(0xFF10 + int(sub) % 10))
    yield from named(forge, "sub", (GONE, None, "", True, [], [sub], {}, *words), REFUSED)
    yield from named(forge, "sub", (f"+{sub}", f"0{sub}"), HARMLESS)
    nobody = (str(UUID(int=0)), str(UUID(int=2**128 - 1)), str(uuid4()), other["sid"])
    alike = ([sid], int(UUID(sid)), sid[:-1], sid + "0", f" {sid}")
    yield from named(forge, "sid", (*NO_UUIDS, *nobody, *alike), REFUSED)
    yield from named(forge, "sid", (sid.upper(), UUID(sid).hex, UUID(sid).urn, f"{{{sid}}}"), HARMLESS)
    both = {"sub": other["sub"], "sid": str(uuid4())}
    yield "another user in no session", forge.by_pyjwt({}, both), REFUSED
    yield from named(forge, "jti", NO_UUIDS, REFUSED)
    yield from named(forge, "jti", (str(uuid4()), other["jti"], str(UUID(int=0))), HARMLESS)


def times(forge: Forge) -> Iterator[Case]:
    """Times of validity. They are whole seconds, and clocks may differ by 5 s."""
    now = int(time.time())
    soon = now + 60
    huge = (2**63, 2**64, 10**400, 1e300)
    odd = (GONE, None, "", str(soon), soon + 0.5, float(soon), True, [], [soon], {}, *huge)
    for name in ("exp", "nbf", "iat"):
        yield from named(forge, name, odd, REFUSED)
        for word in (b"NaN", b"Infinity", b"1e999", b"0x7fffffff", b"+1", b"01"):
            marked = compact({**forge.claims, name: "@"}).replace(b'"@"', word)
            yield f"{name} {word.decode()}", forge.by_hand({}, marked), REFUSED
    yield from named(forge, "exp", (-1, -(2**63), -(2**63) - 1, 0, 1, now - 3600, now - 60, now - 10, now - 6), REFUSED)
    yield from named(forge, "exp", (2**63 - 1, 2**53, 9_999_999_999, now - 2), HARMLESS)
    yield from named(forge, "nbf", (2**63 - 1, 2**53, now + 3600, now + 60, now + 15), REFUSED)
    yield from named(forge, "nbf", (0, -1, -(2**63), now + 3), HARMLESS)
    yield from named(forge, "iat", (0, -1, -(2**63), now + 3600, 2**63 - 1), HARMLESS)


def roles(forge: Forge) -> Iterator[Case]:
    """Roles and rights, which the database alone decides."""
    yield from named(forge, "role", (GONE, None, 0, True, [], ["admin"], {"admin": True}), REFUSED)
    yield from named(forge, "role", ("admin", "Admin", "admin\0", "", "superuser", "user,admin"), HARMLESS)
    extras = ({"roles": ["admin"]}, {"scope": "admin"}, {"admin": True}, {"permissions": "*"}, {"username": "admin"})
    for extra in extras:
        yield f"also {extra}", forge.by_pyjwt({}, {"role": "admin", **extra}), HARMLESS


def texts(forge: Forge, other_user: Forge) -> Iterator[Case]:
    """Claims that are not exactly one JSON object."""
    text = compact(forge.claims)
    for name, value in forge.claims.items():
        other = {"role": "admin", "exp": 9_999_999_999, "iat": 1, "nbf": 1}.get(name, other_user.claims[name])
        for word, value_twice in (("another", other), ("the same", value)):
            again = compact({name: value_twice})[1:-1]
            yield f"{name} and before it {word}", forge.by_hand({}, b"{" + again + b"," + text[1:]), REFUSED
            yield f"{name} and behind it {word}", forge.by_hand({}, text[:-1] + b"," + again + b"}"), REFUSED
        escaped = b'"\\u%04x%s":' % (ord(name[0]), name[1:].encode()) + compact(other)
        yield f"{name} and again in disguise", forge.by_hand({}, text[:-1] + b"," + escaped + b"}"), REFUSED
    bodies = {
        "empty": b"", "blank": b" ", "an empty object": b"{}", "null": b"null", "an array": b"[]", "a number": b"1",
        "in an array": b"[" + text + b"]", "cut off": text[:-1], "twice": text + text, "with a tail": text + b"x",
        "with a byte order mark": b"\xef\xbb\xbf" + text, "in UTF-16": text.decode().encode("utf-16"),
        "with broken UTF-8": text[:-1] + b',"x":"\xff"}', "with a NUL": text + b"\0", "no JSON": b"\x00\x01\x02",
        "with half a surrogate pair": text.replace(b'"role":"user"', b'"role":"\\ud800"'),
        "the token itself": forge.original.encode(), "the token in JSON": compact(forge.original),
        "base64 of the claims": forge.parts[1].encode(), "values in order": compact(list(forge.claims.values())),
    }  # fmt: skip
    for name, body in bodies.items():
        yield f"claims {name}", forge.by_hand({}, body), REFUSED
    nested = forge.by_hand({"cty": "JWT"}, forge.original.encode())
    yield "a token in a token (RFC 7519 §5.2)", nested, REFUSED
    deep = b',"x":' + b"[" * 2500 + b"]" * 2500 + b"}"
    yield "claims nested deeply", forge.by_hand({}, text[:-1] + deep), HARMLESS
    yield "an unknown claim twice", forge.by_hand({}, text[:-1] + b',"x":1,"x":2}'), HARMLESS
    yield "claims with blanks", forge.by_hand({}, b" \n" + text + b"\n "), HARMLESS
