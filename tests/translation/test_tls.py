"""The tls extension and SSL_* keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.translation.tls import _CIPHERS, _PROTOCOLS, add_tls_to_environ, tls_from_environ

NOTHING: dict[str, Any] = {
    "tls_version": None,
    "cipher_suite": None,
    "server_cert": None,
    "client_cert_name": None,
    "client_cert_chain": [],
    "client_cert_error": None,
}
"""An encrypted connection of which the server tells nothing."""


def keys(**extension: Any) -> dict[str, Any]:
    """The environ keys for an extension."""
    environ: dict[str, Any] = {}
    add_tls_to_environ(environ, extension)
    return environ


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({}, {"SSL_CLIENT_VERIFY": "NONE"}),
        (NOTHING, {"SSL_CLIENT_VERIFY": "NONE"}),
        ({"tls_version": 0x0303}, {"SSL_PROTOCOL": "TLSv1.2", "SSL_CLIENT_VERIFY": "NONE"}),
        ({"tls_version": 0x0304}, {"SSL_PROTOCOL": "TLSv1.3", "SSL_CLIENT_VERIFY": "NONE"}),
        ({"tls_version": 0x9999}, {"SSL_CLIENT_VERIFY": "NONE"}),
        ({"cipher_suite": 0x1301}, {"SSL_CIPHER": "TLS_AES_128_GCM_SHA256", "SSL_CLIENT_VERIFY": "NONE"}),
        ({"cipher_suite": 0}, {"SSL_CLIENT_VERIFY": "NONE"}),
        ({"server_cert": "PEM"}, {"SSL_SERVER_CERT": "PEM", "SSL_CLIENT_VERIFY": "NONE"}),
        ({"client_cert_name": "CN=me"}, {"SSL_CLIENT_S_DN": "CN=me", "SSL_CLIENT_VERIFY": "SUCCESS"}),
        ({"client_cert_chain": ["a"]}, {"SSL_CLIENT_CERT": "a", "SSL_CLIENT_VERIFY": "SUCCESS"}),
        (
            {"client_cert_chain": iter(["a", "b", "c"])},
            {
                "SSL_CLIENT_CERT": "a",
                "SSL_CLIENT_CERT_CHAIN_0": "b",
                "SSL_CLIENT_CERT_CHAIN_1": "c",
                "SSL_CLIENT_VERIFY": "SUCCESS",
            },
        ),
        (
            {"client_cert_chain": ("a",), "client_cert_error": "expired"},
            {"SSL_CLIENT_CERT": "a", "SSL_CLIENT_VERIFY": "FAILED:expired"},
        ),
        ({"client_cert_chain": None}, {"SSL_CLIENT_VERIFY": "NONE"}),
    ],
)
def test_extension_becomes_keys(extension: dict[str, Any], expected: dict[str, str]) -> None:
    """W1: the SSL_* keys from the TLS extension, with the names that Apache gives them; the unknown gets no key."""
    assert keys(**extension) == expected


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, None),
        ({"HTTPS": "on"}, None),
        ({"SSL_CLIENT_VERIFY": "NONE"}, None),
        ({"SSL_PROTOCOL": "", "SSL_CIPHER": ""}, None),
        ({"SSL_PROTOCOL": "TLSv1.3"}, {"tls_version": 0x0304}),
        ({"SSL_PROTOCOL": "TLSv9", "SSL_SERVER_CERT": "PEM"}, {"server_cert": "PEM"}),
        ({"SSL_CIPHER": "ECDHE-RSA-AES128-GCM-SHA256"}, {"cipher_suite": 0xC02F}),
        ({"SSL_CLIENT_CERT": "a", "SSL_CLIENT_CERT_CHAIN_0": "b"}, {"client_cert_chain": ["a", "b"]}),
        ({"SSL_CLIENT_CERT": "a", "SSL_CLIENT_CERT_CHAIN_1": "c"}, {"client_cert_chain": ["a"]}),
        (
            {"SSL_CLIENT_CERT": "a", "SSL_CLIENT_VERIFY": "FAILED:expired"},
            {"client_cert_chain": ["a"], "client_cert_error": "expired"},
        ),
        ({"SSL_CLIENT_CERT": "a", "SSL_CLIENT_VERIFY": "SUCCESS"}, {"client_cert_chain": ["a"]}),
    ],
)
def test_keys_become_the_extension(environ: dict[str, str], expected: dict[str, Any] | None) -> None:
    """A1: the TLS extension from SSL_*, with every key of specs/tls.rst; none where the server told nothing."""
    assert tls_from_environ(environ) == (None if expected is None else NOTHING | expected)


text = st.none() | st.text(min_size=1, max_size=6)


@given(
    st.fixed_dictionaries(
        {
            "tls_version": st.sampled_from([None, *_PROTOCOLS.values()]),
            "cipher_suite": st.sampled_from([None, *_CIPHERS.values()]),
            "server_cert": text,
            "client_cert_name": text,
            "client_cert_chain": st.lists(st.text(min_size=1, max_size=6), max_size=3),
            "client_cert_error": text,
        }
    )
)
def test_there_and_back(extension: dict[str, Any]) -> None:
    """The law: what a server tells of its TLS connection comes through both adapters unchanged."""
    assert (tls_from_environ(keys(**extension)) or NOTHING) == extension
