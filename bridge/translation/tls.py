"""TLS: the ``tls`` extension of ASGI and the ``SSL_*`` keys that Apache's mod_ssl has given CGI programs since 1998."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge._types import Environ

# SSL_PROTOCOL and tls_version: the numbers are those on the wire (RFC 8446, 4.1.2; asgiref specs/tls.rst).
_PROTOCOLS = {"SSLv3": 0x0300, "TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_PROTOCOL_NAMES = {number: name for name, number in _PROTOCOLS.items()}

# SSL_CIPHER and cipher_suite: OpenSSL's names for the suites of TLS 1.3 and the ECDHE/DHE/RSA suites of TLS 1.2
# (IANA registry "TLS Cipher Suites"). What is not in the table is left unknown rather than guessed.
_CIPHERS = {
    "TLS_AES_128_GCM_SHA256": 0x1301,
    "TLS_AES_256_GCM_SHA384": 0x1302,
    "TLS_CHACHA20_POLY1305_SHA256": 0x1303,
    "TLS_AES_128_CCM_SHA256": 0x1304,
    "TLS_AES_128_CCM_8_SHA256": 0x1305,
    "AES128-SHA": 0x002F,
    "DHE-RSA-AES128-SHA": 0x0033,
    "AES256-SHA": 0x0035,
    "DHE-RSA-AES256-SHA": 0x0039,
    "AES128-SHA256": 0x003C,
    "AES256-SHA256": 0x003D,
    "DHE-RSA-AES128-SHA256": 0x0067,
    "DHE-RSA-AES256-SHA256": 0x006B,
    "AES128-GCM-SHA256": 0x009C,
    "AES256-GCM-SHA384": 0x009D,
    "DHE-RSA-AES128-GCM-SHA256": 0x009E,
    "DHE-RSA-AES256-GCM-SHA384": 0x009F,
    "ECDHE-ECDSA-AES128-SHA": 0xC009,
    "ECDHE-ECDSA-AES256-SHA": 0xC00A,
    "ECDHE-RSA-AES128-SHA": 0xC013,
    "ECDHE-RSA-AES256-SHA": 0xC014,
    "ECDHE-ECDSA-AES128-SHA256": 0xC023,
    "ECDHE-ECDSA-AES256-SHA384": 0xC024,
    "ECDHE-RSA-AES128-SHA256": 0xC027,
    "ECDHE-RSA-AES256-SHA384": 0xC028,
    "ECDHE-ECDSA-AES128-GCM-SHA256": 0xC02B,
    "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C,
    "ECDHE-RSA-AES128-GCM-SHA256": 0xC02F,
    "ECDHE-RSA-AES256-GCM-SHA384": 0xC030,
    "ECDHE-RSA-CHACHA20-POLY1305": 0xCCA8,
    "ECDHE-ECDSA-CHACHA20-POLY1305": 0xCCA9,
    "DHE-RSA-CHACHA20-POLY1305": 0xCCAA,
}
_CIPHER_NAMES = {number: name for name, number in _CIPHERS.items()}

# One table, read in both directions: environ key, key of the extension, value by environ value, environ value by value.
# None: text that stands on both sides as it is.
_TRANSLATED: tuple[tuple[str, str, dict[str, int] | None, dict[int, str] | None], ...] = (
    ("SSL_PROTOCOL", "tls_version", _PROTOCOLS, _PROTOCOL_NAMES),
    ("SSL_CIPHER", "cipher_suite", _CIPHERS, _CIPHER_NAMES),
    ("SSL_SERVER_CERT", "server_cert", None, None),
    ("SSL_CLIENT_S_DN", "client_cert_name", None, None),
)


def add_tls_to_environ(environ: Environ, extension: Mapping[str, Any]) -> None:
    """Add the SSL_* keys for what the ``tls`` extension of a scope tells; what it does not tell gets no key."""
    for key, name, _, names in _TRANSLATED:
        value = extension.get(name)
        if names is not None and value is not None:
            value = names.get(value)
        if value is not None:
            environ[key] = _native(value)
    chain = list(extension.get("client_cert_chain") or ())
    for index, certificate in enumerate(chain):
        environ["SSL_CLIENT_CERT" if index == 0 else f"SSL_CLIENT_CERT_CHAIN_{index - 1}"] = _native(certificate)
    error = extension.get("client_cert_error")
    if error:
        environ["SSL_CLIENT_VERIFY"] = _native(f"FAILED:{error}")
    else:
        environ["SSL_CLIENT_VERIFY"] = "SUCCESS" if chain or extension.get("client_cert_name") else "NONE"


def _native(value: object) -> str:
    """Return text as PEP 3333 has it ("A Note On String Types"): bytes, here of UTF-8, in a latin-1 coat."""
    return str(value).encode("utf-8", "replace").decode("latin-1")


def _text(native: str) -> str:
    return native.encode("latin-1", "replace").decode("utf-8", "replace")


TLS_KEYS = frozenset((*(key for key, *_ in _TRANSLATED), "SSL_CLIENT_CERT", "SSL_CLIENT_VERIFY"))


def tls_from_environ(environ: Environ) -> dict[str, Any] | None:
    """Return the ``tls`` extension for an environ, None if the server set no SSL_* key that it could be made from."""
    extension: dict[str, Any] = {}
    for key, name, numbers, _ in _TRANSLATED:
        value = environ.get(key) or None
        if value is not None:
            value = _text(value) if numbers is None else numbers.get(value)
        extension[name] = value
    chain = []
    certificate = environ.get("SSL_CLIENT_CERT")
    while certificate:
        chain.append(_text(certificate))
        certificate = environ.get(f"SSL_CLIENT_CERT_CHAIN_{len(chain) - 1}")
    verify = _text(environ.get("SSL_CLIENT_VERIFY") or "NONE")
    if not chain and verify == "NONE" and not any(extension.values()):
        return None
    extension["client_cert_chain"] = chain
    extension["client_cert_error"] = verify.removeprefix("FAILED:") if verify.startswith("FAILED:") else None
    return extension
