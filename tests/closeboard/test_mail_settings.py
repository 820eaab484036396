"""The settings of mail that are made from others."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from closeboard.environment import Environment, ehlo_name, mail_oauth_settings


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
    assert ehlo_name(name, base_url) == expected


@pytest.mark.parametrize("name", ["mail.meridian.test\r\nRSET", "a b", "https://mail", "mail..test"])
def test_a_name_that_is_none_is_refused_in_words(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="MAIL_EHLO_NAME"):
        ehlo_name(name, "https://close.meridian.test")


OAUTH = {
    "database_url": "postgresql:///x",
    "mail_oauth_tenant": "meridian.example",
    "mail_oauth_client_id": "app",
    "mail_oauth_client_secret": "swordfish9",
    "mail_url": "smtp://alerts%40meridian.example@smtp.office365.com:587",
}


def test_sign_in_by_token_is_off_unless_it_is_set() -> None:
    assert (
        mail_oauth_settings(Environment.model_validate({"database_url": "postgresql:///x"}))[
            "MAIL_OAUTH_TENANT"
        ]
        == ""
    )
    environment = Environment.model_validate(OAUTH)
    assert mail_oauth_settings(environment)["MAIL_OAUTH_AUTHORITY"] == "https://login.microsoftonline.com"
    assert "swordfish9" not in repr(environment)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"mail_oauth_client_id": ""}, "MAIL_OAUTH_CLIENT_ID"),
        ({"mail_oauth_client_secret": ""}, "MAIL_OAUTH_CLIENT_SECRET"),
        ({"mail_oauth_tenant": ""}, "MAIL_OAUTH_TENANT"),
        ({"mail_oauth_scope": ""}, "MAIL_OAUTH_SCOPE"),
        ({"mail_url": "plain+smtp://alerts%40meridian.example@127.0.0.1"}, "MAIL_URL"),
        ({"mail_url": "smtp://alerts%40meridian.example:word@smtp.office365.com"}, "MAIL_URL"),
        ({"mail_url": "smtp://smtp.office365.com"}, "MAIL_URL"),
        ({"mail_url": ""}, "MAIL_URL"),
    ],
)
def test_half_a_sign_in_by_token_is_refused_in_words(change: dict[str, str], named: str) -> None:
    environment = Environment.model_validate(OAUTH | change)
    with pytest.raises(ImproperlyConfigured, match=f"Set {named}") as refused:
        mail_oauth_settings(environment)
    assert "swordfish9" not in str(refused.value)
