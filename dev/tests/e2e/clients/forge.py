"""Makes tokens that imitate those of the API: with PyJWT where it can, by hand where it refuses."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

# As a value: the name is left out.
GONE = object()

# The order of Ed25519's base point (RFC 8032 §5.1).
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493


def b64(data: bytes) -> str:
    """Base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The reverse of [`b64`]."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: object) -> bytes:
    """JSON without blanks."""
    return json.dumps(value, separators=(",", ":")).encode()


def changed(original: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy with some names set and some left out."""
    return {name: value for name, value in {**original, **changes}.items() if value is not GONE}


def private_key(pem: str) -> ed25519.Ed25519PrivateKey:
    """The key in `JWT_PRIVATE_KEY`, whose line ends are written as two characters."""
    key = serialization.load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return key


class Forge:
    """The parts of a real token, and the key to make others like it."""

    def __init__(self, original: str, variables: dict[str, str]) -> None:
        self.original = original
        self.parts = original.split(".")
        self.header = json.loads(unb64(self.parts[0]))
        self.claims = json.loads(unb64(self.parts[1]))
        self.signature = unb64(self.parts[2])
        self.key = private_key(variables["JWT_PRIVATE_KEY"])
        self.key_set = variables["JWT_PUBLIC_KEYS"]
        self.jwk = next(key for key in json.loads(self.key_set)["keys"] if key["kid"] == self.header["kid"])
        self.kid = self.header["kid"]
        self.now = int(time.time())

    def by_pyjwt(
        self,
        header: dict[str, Any] | None = None,
        claims: dict[str, Any] | None = None,
        key: Any = None,
        algorithm: str = "EdDSA",
    ) -> str:
        """The original with changes, signed with the real key or with `key`."""
        fields = changed({name: self.header[name] for name in ("typ", "kid")}, header or {})
        # PyJWT adds its own typ unless there is one, and omits an empty one.
        fields.setdefault("typ", "")
        payload = compact(changed(self.claims, claims or {}))
        return jwt.PyJWS().encode(payload, self.key if key is None else key, algorithm, fields)

    def by_hand(
        self,
        header: dict[str, Any] | bytes | None = None,
        claims: dict[str, Any] | bytes | None = None,
        sign: Callable[[bytes], bytes] | None = None,
    ) -> str:
        """The same without the checks of PyJWT: header and claims may be any bytes."""
        parts = []
        for part, original in ((header, self.header), (claims, self.claims)):
            parts.append(b64(part if isinstance(part, bytes) else compact(changed(original, part or {}))))
        return self.signed(".".join(parts), sign)

    def signed(self, signing_input: str, sign: Callable[[bytes], bytes] | None = None) -> str:
        """Adds the signature to its input."""
        return f"{signing_input}.{b64((sign or self.key.sign)(signing_input.encode()))}"

    def with_signature(self, signature: bytes) -> str:
        """The original's header and claims under another signature."""
        return f"{self.parts[0]}.{self.parts[1]}.{b64(signature)}"

    def public_bytes(self, encoding: serialization.Encoding, form: serialization.PublicFormat) -> bytes:
        """The real public key."""
        return self.key.public_key().public_bytes(encoding, form)

    def public_forms(self, published: bytes) -> dict[str, bytes]:
        """Everything that a careless verifier might take for an HMAC secret."""
        encoding, form = serialization.Encoding, serialization.PublicFormat
        pem = self.public_bytes(encoding.PEM, form.SubjectPublicKeyInfo)
        return {
            "x": unb64(self.jwk["x"]),
            "x as text": self.jwk["x"].encode(),
            "the JWK": compact(self.jwk),
            "the JWK set": self.key_set.encode(),
            "the published JWK set": published,
            "the PEM": pem,
            "the PEM without its last line end": pem.rstrip(b"\n"),
            "the DER": self.public_bytes(encoding.DER, form.SubjectPublicKeyInfo),
            "the kid": self.kid.encode(),
            "nothing": b"",
        }

    def with_hmac(self, algorithm: str, secret: bytes) -> str:
        """The original signed with a secret. PyJWT refuses a public key as a secret."""
        digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[algorithm]
        return self.by_hand({"alg": algorithm}, sign=lambda text: hmac.new(secret, text, digest).digest())

    def malleable(self) -> str:
        """The original with another S in its signature, which RFC 8032 §5.1.7 forbids."""
        point, scalar = self.signature[:32], int.from_bytes(self.signature[32:], "little")
        return self.with_signature(point + (scalar + GROUP_ORDER).to_bytes(32, "little"))


class OwnKeys:
    """An attacker's keys."""

    def __init__(self) -> None:
        self.ed25519 = ed25519.Ed25519PrivateKey.generate()
        self.by_algorithm = {
            "ES256": ec.generate_private_key(ec.SECP256R1()),
            "ES384": ec.generate_private_key(ec.SECP384R1()),
            "ES512": ec.generate_private_key(ec.SECP521R1()),
            "ES256K": ec.generate_private_key(ec.SECP256K1()),
            "RS256": rsa.generate_private_key(65537, 2048),
            "EdDSA": ed448.Ed448PrivateKey.generate(),
        }
        self.by_algorithm["PS256"] = self.by_algorithm["RS256"]

    def jwk(self, kid: str) -> dict[str, str]:
        """The Ed25519 key as the API's own are published."""
        form = serialization.Encoding.Raw, serialization.PublicFormat.Raw
        x = b64(self.ed25519.public_key().public_bytes(*form))
        return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "use": "sig", "alg": "EdDSA"}
