"""Django's test client as one person."""

from __future__ import annotations

from django.test import Client

from entities.models import Person


def signed_in(person: Person) -> Client:
    """Return a new client with a session of this person."""
    client = Client()
    client.force_login(person)
    return client
