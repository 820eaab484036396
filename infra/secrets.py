"""Secrets at rest: AES-256-GCM with a key ring, each ciphertext bound to the row and field it belongs to."""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_NONCE_BYTES = 12


class SecretUnreadable(Exception):
    """No key of the ring opens a stored secret in its row and field; nothing was changed."""


def make_key(name: str) -> str:
    """A new entry for ENCRYPTION_KEYS: a name and 256 random bits."""
    return f"{name}:{base64.urlsafe_b64encode(AESGCM.generate_key(256)).decode()}"


def key_ring() -> dict[str, AESGCM]:
    """The keys by name, the first of which encrypts; raises ImproperlyConfigured with the setting to correct."""
    ring: dict[str, AESGCM] = {}
    for entry in filter(None, (part.strip() for part in settings.ENCRYPTION_KEYS.split(","))):
        name, _, encoded = entry.partition(":")
        try:
            ring[name] = AESGCM(base64.urlsafe_b64decode(encoded))
        except (binascii.Error, ValueError):
            raise ImproperlyConfigured(
                f"Set ENCRYPTION_KEYS to name:key entries; the key named {name!r} is not 256 bits in base64."
            ) from None
    if not ring:
        raise ImproperlyConfigured(
            "Set ENCRYPTION_KEYS to store secrets; `manage.py make_key` prints an entry for it."
        )
    return ring


def encrypt_secret(clear: str, *, bound_to: str) -> bytes:
    """Encrypt a secret so that only the same `bound_to` decrypts it."""
    name, key = next(iter(key_ring().items()))
    nonce = os.urandom(_NONCE_BYTES)
    return name.encode() + b"." + nonce + key.encrypt(nonce, clear.encode(), bound_to.encode())


def decrypt_secret(sealed: bytes, *, bound_to: str) -> str:
    """Decrypt a result of `encrypt_secret`; raises SecretUnreadable if the key is gone or the row is another one."""
    name, _, rest = sealed.partition(b".")
    key = key_ring().get(name.decode(errors="replace"))
    if key is None:
        raise SecretUnreadable(f"The key {name.decode(errors='replace')!r} is not in ENCRYPTION_KEYS.")
    try:
        return key.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], bound_to.encode()).decode()
    except InvalidTag:
        raise SecretUnreadable(
            "A stored secret does not open here: wrong key, or moved from another row."
        ) from None
