"""Argon2 at its lowest cost: tests sign people in, they do not need to resist attackers."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class CheapArgon2PasswordHasher(Argon2PasswordHasher):
    """Makes the hashes of tests; a process with the production setting verifies them as well."""

    time_cost = 1
    memory_cost = 8
    parallelism = 1
