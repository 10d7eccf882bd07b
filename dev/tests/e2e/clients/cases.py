"""The hostile tokens, one generator for each part of a token. Each token is made just before it is sent."""

import json
from collections.abc import Iterator
from uuid import uuid4

from bookshelf import Response
from forge import GONE, Forge, OwnKeys, b64, compact, unb64

# The expected result. A harmless token, which no standard forbids, is refused or accepted for its own `sub` and `sid`,
# and grants nothing more.
REFUSED, HARMLESS = "refused", "harmless"

Case = tuple[str, str | bytes, str]

OTHER_KIND = {"at+jwt": "rt+jwt", "rt+jwt": "at+jwt"}


def algorithms(forge: Forge, own: OwnKeys, published: Response) -> Iterator[Case]:
    """Other algorithms than that of the key, with any key."""
    yield "alg none by PyJWT", forge.by_pyjwt({"alg": "none"}, key="", algorithm="none"), REFUSED
    for name in ("none", "None", "NONE", "nOnE", ""):
        yield f"alg {name!r}, no signature", forge.by_hand({"alg": name}, sign=lambda _: b""), REFUSED
        yield f"alg {name!r}, the old signature", forge.by_hand({"alg": name}, sign=lambda _: forge.signature), REFUSED
    for name in ("eddsa", "EDDSA", "EdDSA ", "Ed25519", "HS256", "ES256", None, 1, ["EdDSA"], ["EdDSA", "none"], GONE):
        yield f"alg {name!r}, the real key", forge.by_hand({"alg": name}), REFUSED
    yield "HS256 by PyJWT with x", forge.by_pyjwt({}, key=forge.public_forms(b"")["x"], algorithm="HS256"), REFUSED
    for algorithm in ("HS256", "HS384", "HS512"):
        for name, secret in forge.public_forms(published.body).items():
            yield f"{algorithm} with {name}", forge.with_hmac(algorithm, secret), REFUSED
    for algorithm, key in own.by_algorithm.items():
        token = forge.by_pyjwt({}, key=key, algorithm=algorithm)
        yield f"{algorithm}, own key", token, REFUSED
        yield f"{algorithm}, own key, called EdDSA", forge.with_signature(unb64(token.split(".")[2])), REFUSED
    yield "EdDSA, own key under the real kid", forge.by_pyjwt({}, key=own.ed25519), REFUSED
    yield "EdDSA, own key under its kid", forge.by_pyjwt({"kid": "mine"}, key=own.ed25519), REFUSED
    yield "ES256, r and s zero", forge.by_hand({"alg": "ES256"}, sign=lambda _: bytes(64)), REFUSED
    yield "EdDSA, zeros", forge.with_signature(bytes(64)), REFUSED
    yield "EdDSA, R the identity and S zero", forge.with_signature(b"\x01" + bytes(63)), REFUSED
    yield "EdDSA, S plus the order of the group", forge.malleable(), REFUSED
    yield "EdDSA, the signature of another token", forge.by_hand({}, {"exp": 9}, lambda _: forge.signature), REFUSED


def key_ids(forge: Forge, *_: object) -> Iterator[Case]:
    """Key ids that name no key, in tokens signed with the real key."""
    texts = [
        "unknown", "", str(uuid4()), "../../../../../../dev/null", "/dev/null", "file:///proc/self/environ",
        "' or 1=1 --", "x' union select 'AAAA' --", "$(id)", "`id`", "%00", "*", "http://127.0.0.1:9/jwks.json",
        forge.kid + " ", " " + forge.kid, forge.kid + "\0", forge.kid[:-1], forge.kid.swapcase(),
        "ключ", "\U0001f511",
    ]  # fmt: skip
    for kid in texts:
        yield f"kid {kid!r}", forge.by_pyjwt({"kid": kid}), REFUSED
    yield "kid missing", forge.by_pyjwt({"kid": GONE}), REFUSED
    for kid in (0, 1, -1, 1.5, None, True, [], [forge.kid], {}, {"kid": forge.kid}):
        yield f"kid {kid!r}", forge.by_hand({"kid": kid}), REFUSED


def headers(forge: Forge, own: OwnKeys, _: Response, key_server: str, certificate: str) -> Iterator[Case]:
    """Header parameters that offer a key or that a verifier must understand (RFC 7515 §4.1)."""
    mine = own.jwk(forge.kid)
    yield "jwk: own key, signed with it", forge.by_pyjwt({"jwk": mine}, key=own.ed25519), REFUSED
    yield "jwk: own key, signed with it, no kid", forge.by_pyjwt({"jwk": mine, "kid": GONE}, key=own.ed25519), REFUSED
    yield "jwk: the real key, signed with it", forge.by_pyjwt({"jwk": forge.jwk}), REFUSED
    for name, value in (("jku", key_server), ("x5u", key_server), ("x5c", [certificate]), ("x5t", "AAAA"), ("x5t#S256", "AAAA")):
        yield f"{name}, signed with the own key", forge.by_pyjwt({name: value}, key=own.ed25519), REFUSED
        yield f"{name}, signed with the real key", forge.by_pyjwt({name: value}), REFUSED
    for crit in (["exp"], ["kid"], ["urn:example:unknown"], [], None, "exp", [""], [1], {"exp": 1}):
        yield f"crit {crit!r}", forge.by_hand({"crit": crit, "urn:example:unknown": 1}), REFUSED
        yield f"crit {crit!r} alone", forge.by_hand({"crit": crit}), REFUSED
    yield "b64 false by PyJWT", forge.by_pyjwt({"b64": False, "crit": ["b64"]}), REFUSED
    yield "b64 false, claims as they are", unencoded(forge), REFUSED
    for name, value in (("b64", True), ("zip", "DEF"), ("enc", "A128GCM"), ("cty", "JWT"), ("nonce", "1"), ("x", 1)):
        yield f"{name} {value!r}", forge.by_hand({name: value}), REFUSED
    for typ in ("JWT", "jwt", "", OTHER_KIND[forge.header["typ"]], "jwt+at", "at", None, 1, ["at+jwt"]):
        yield f"typ {typ!r}", forge.by_hand({"typ": typ}), REFUSED
    yield "typ missing", forge.by_pyjwt({"typ": GONE}), REFUSED
    for typ in (forge.header["typ"].upper(), "application/" + forge.header["typ"]):
        yield f"typ {typ!r}", forge.by_hand({"typ": typ}), HARMLESS
    for name, text in header_texts(forge.header):
        yield f"header {name}", forge.by_hand(text), REFUSED
    yield "header with blanks", forge.by_hand(json.dumps(forge.header, indent=2).encode()), HARMLESS
    escaped = compact(forge.header).replace(b'"alg"', b'"\\u0061lg"')
    yield "header with an escaped name", forge.by_hand(escaped), HARMLESS


def unencoded(forge: Forge) -> str:
    """A token with an unencoded payload (RFC 7797 §3), which PyJWT makes only detached."""
    header = b64(compact({**forge.header, "b64": False, "crit": ["b64"]}))
    return forge.signed(f"{header}.{compact(forge.claims).decode()}")


def header_texts(header: dict[str, str]) -> Iterator[tuple[str, bytes]]:
    """Headers that are not exactly one JSON object."""
    text = compact(header)
    yield "empty", b""
    yield "of blanks", b"   "
    yield "an empty object", b"{}"
    for name, junk in (("null", b"null"), ("an array", b"[]"), ("a string", b'"EdDSA"'), ("a number", b"1")):
        yield name, junk
    yield "in an array", b"[" + text + b"]"
    yield "cut off", text[:-1]
    yield "twice", text + text
    yield "with a tail", text + b"x"
    yield "with a NUL behind", text + b"\0"
    yield "with a comment", text + b"/**/"
    yield "with a trailing comma", text[:-1] + b",}"
    yield "with a byte order mark", b"\xef\xbb\xbf" + text
    yield "in UTF-16", text.decode().encode("utf-16")
    yield "with broken UTF-8", text[:-1] + b',"\xff\xfe":1}'
    yield "with an overlong form", text.replace(b"alg", b"\xc1\xa1lg")
    yield "with an emoji", text[:-1] + ',"\U0001f984":"\u202e\u0000"}'.encode()
    yield "with half a surrogate pair", text[:-1] + b',"\\ud800":"\\udfff"}'
    yield "with names in look-alikes", text.decode().replace("alg", "аlg").encode()
    yield "nested deeply", text[:-1] + b',"x":' + b"[" * 1500 + b"]" * 1500 + b"}"
    for name in ("alg", "kid", "typ"):
        real = f'"{name}":"{header[name]}"'.encode()
        yield f"with {name} twice, the real one last", b'{"' + name.encode() + b'":"none",' + text[1:]
        yield f"with {name} twice, the real one first", text[:-1] + b',"' + name.encode() + b'":"none"}'
        yield f"with {name} twice, both real", text[:-1] + b"," + real + b"}"


def shapes(forge: Forge, *_: object) -> Iterator[Case]:
    """The text of a real token, damaged."""
    header, claims, signature = forge.parts
    for index, name in enumerate(("header", "claims", "signature")):
        yield from flips(forge.parts, index, name)
        yield f"padded {name}", replaced(forge.parts, index, forge.parts[index] + "="), REFUSED
        yield f"empty {name}", replaced(forge.parts, index, ""), REFUSED
        yield f"{name} in base64 twice", replaced(forge.parts, index, b64(forge.parts[index].encode())), REFUSED
    yield "bits to spare", spare_bits(forge.original), REFUSED
    yield "another alphabet", f"{forge.original[:-3]}+/{forge.original[-1]}", REFUSED
    for cut in (1, 2, 40, 86, 87, len(forge.original) // 2):
        yield f"without its last {cut}", forge.original[:-cut], REFUSED
    yield "without its first", forge.original[1:], REFUSED
    texts = [
        header, f"{header}.{claims}", f"{header}..{signature}", f".{claims}.{signature}", "..", ".", "...", "x",
        "x.y.z", f"{forge.original}.", f".{forge.original}", f"{forge.original}.x", f"{forge.original}.{signature}",
        f"{header}.{header}.{claims}.{claims}.{signature}", f"{claims}.{header}.{signature}",
        f"{header}.{claims}.{signature},{forge.original}", f'"{forge.original}"', f"Bearer {forge.original}",
        f"{header} .{claims}.{signature}", f"{header}. {claims}.{signature}", f"{header}.{claims}.\t{signature}",
        f"{header}.{claims}.{signature[:9]} {signature[9:]}", f"\t{forge.original}", forge.original.replace(".", "%2E"),
        f"{header}.{claims}\n.{signature}", f"{forge.original}\n", f"\n{forge.original}", f"{forge.original}\0",
        json.dumps({"protected": header, "payload": claims, "signature": signature}), forge.original.swapcase(),
    ]  # fmt: skip
    for text in texts:
        yield f"text {text if len(text) < 40 else text[:12] + '…' + text[-12:]!r}", text, REFUSED
    for junk in ("é", "。", "\u200b", "\U0001f984"):
        yield f"with {junk!r}", f"{forge.original}{junk}".encode(), REFUSED
    yield "with broken UTF-8", forge.original.encode() + b"\xff", REFUSED
    yield "8 KiB of dots", "." * 8192, REFUSED
    for size, expected in ((8 * 1024 - 300, HARMLESS), (8 * 1024 + 1, REFUSED), (9 * 1024, REFUSED), (60_000, REFUSED)):
        yield f"real, in {size} bytes or just more", oversized(forge, size), expected


def flips(parts: list[str], index: int, name: str) -> Iterator[Case]:
    """Tokens with one bit of the decoded bytes changed, at several positions."""
    data = unb64(parts[index])
    for byte in (0, 1, len(data) // 3, len(data) // 2, len(data) - 2, len(data) - 1):
        for bit in (0, 7):
            flipped = bytearray(data)
            flipped[byte] ^= 1 << bit
            yield f"bit {bit} of byte {byte} of the {name}", replaced(parts, index, b64(bytes(flipped))), REFUSED


def replaced(parts: list[str], index: int, part: str) -> str:
    return ".".join(part if position == index else old for position, old in enumerate(parts))


def spare_bits(token: str) -> str:
    """Sets an unused bit: the last letter of 64 bytes in base64 has four of them (RFC 4648 §3.5)."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


def oversized(forge: Forge, size: int) -> str:
    """A valid token with an unknown claim, at least `size` bytes long."""
    missing = size - len(forge.by_pyjwt({}, {"pad": ""}))
    return forge.by_pyjwt({}, {"pad": "x" * (missing * 3 // 4 + 1)})
