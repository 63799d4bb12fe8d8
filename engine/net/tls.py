"""TLS contexts from settings. Reads files and takes milliseconds: called once per transport, in a worker thread."""

from __future__ import annotations

import functools
import ssl

from ..errors import ConfigError, Problem
from .settings import TlsSettings


def tls_context(settings: TlsSettings) -> ssl.SSLContext:
    """The context for `settings`. Raises ConfigError that names the setting whose file cannot be used.

    All transports without a word about TLS share one context: it takes 10 ms and half a megabyte to make, is never
    changed, and 200 destinations may want it. Files that a user names are read anew each time, so that a reload sees
    a renewed certificate.
    """
    return default_context() if settings == TlsSettings() else _own_context(settings)


@functools.cache
def default_context() -> ssl.SSLContext:
    """Trusts what the system trusts."""
    return _own_context(TlsSettings())


def _own_context(settings: TlsSettings) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if settings.ca is not None:
        _load_ca(context, settings.ca)
    if settings.cert is not None:
        _load_certificate(context, settings.cert, settings.key)
    elif settings.key is not None:
        raise ConfigError([Problem("tls.key", "a key needs its certificate: set `cert` too")])
    if settings.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except OSError as error:
        raise _unusable("tls.ca", path, error, "a PEM file with certificates") from None


def _load_certificate(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    def refuse() -> str:
        # Without this OpenSSL would ask on the terminal and wait.
        raise ValueError("encrypted")

    try:
        context.load_cert_chain(cert, key, password=refuse)
    except ValueError:
        raise ConfigError(
            [Problem("tls.key", f"{key or cert} is encrypted; a key without a passphrase is needed")]
        ) from None
    except OSError as error:
        raise _unusable("tls.cert", cert, error, "a PEM file with a certificate and its matching key") from None


def _unusable(setting: str, path: str, error: OSError, expected: str) -> ConfigError:
    return ConfigError([Problem(setting, f"{path} cannot be used ({error.strerror or error}); expected {expected}")])
