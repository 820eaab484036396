"""The settings of mail that are made from others."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from closeboard.settings import _ehlo_name


@pytest.mark.parametrize(
    ("name", "base_url", "expected"),
    [
        ("", "https://close.meridian.test", "close.meridian.test"),
        ("", "https://close.meridian.test:8443/board", "close.meridian.test"),
        ("", "http://localhost:8000", "localhost"),
        ("", "http://192.0.2.7:8000", "[192.0.2.7]"),
        ("", "http://[2001:db8::7]:8000", "[IPv6:2001:db8::7]"),
        ("", "https://börse.example", "xn--brse-5qa.example"),
        ("mail.meridian.test", "https://close.meridian.test", "mail.meridian.test"),
        ("[192.0.2.9]", "https://close.meridian.test", "[192.0.2.9]"),
    ],
)
def test_the_name_for_the_mail_server_is_that_of_the_site(name: str, base_url: str, expected: str) -> None:
    assert _ehlo_name(name, base_url) == expected


@pytest.mark.parametrize("name", ["mail.meridian.test\r\nRSET", "a b", "https://mail", "mail..test"])
def test_a_name_that_is_none_is_refused_in_words(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MAIL_EHLO_NAME"):
        _ehlo_name(name, "https://close.meridian.test")
