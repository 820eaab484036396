"""A template that uses a name which nothing defines fails the test that renders it."""

from __future__ import annotations

from threading import Thread

import pytest
from django.template import Context, Origin, Template, engines

from tests.strict_templates import TEMPLATES, UNDEFINED

OPTIONAL: dict[str, object] = {"owner": None}


def _template(text: str, folder: str = TEMPLATES) -> Template:
    return Template(text, Origin(f"{folder}x.html"), "x.html", engines["django"].engine)  # type: ignore[attr-defined]


def _undefined() -> list[str]:
    found = UNDEFINED.copy()
    UNDEFINED.clear()
    return found


def test_an_undefined_name_that_is_shown_fails_at_once() -> None:
    with pytest.raises(pytest.fail.Exception, match="Undefined template variable 'gone'"):
        _template("{{ gone }}").render(Context())
    assert _undefined() == ["x.html: gone"]


@pytest.mark.parametrize(
    "text",
    [
        "{% if gone %}{% endif %}",
        "{% if not gone and 1 %}{% endif %}",
        "{% if 1 == gone %}{% endif %}",
        "{% for x in gone %}{% endfor %}",
        "{% firstof gone 'x' %}",
    ],
)
def test_so_does_one_that_is_only_looked_at(text: str) -> None:
    _template(text).render(Context())
    assert _undefined() == ["x.html: gone"]


@pytest.mark.parametrize("name", ["gone", "page.gone", "page.errors.name.gone", "page.gone.errors"])
def test_attributes_count_too(name: str) -> None:
    _template(f"{{% if {name} %}}{{% endif %}}").render(Context({"page": {"errors": {"name": "x"}}}))
    assert _undefined() == [f"x.html: {name}"]


@pytest.mark.parametrize("name", ["owner.name", "owner.name.first"])
def test_what_may_be_missing(name: str) -> None:
    assert _template(f"{{% if {name} %}}x{{% endif %}}").render(Context(OPTIONAL)) == ""
    assert _undefined() == []


def test_templates_of_others_are_not_ours_to_judge() -> None:
    _template("{% if gone %}{% endif %}", "/elsewhere/").render(Context())
    assert _undefined() == []


def test_a_page_that_a_thread_renders_counts() -> None:
    """A server that a test starts in its own process renders in threads."""
    thread = Thread(target=_template("{% if gone %}{% endif %}").render, args=[Context()])
    thread.start()
    thread.join()
    assert _undefined() == ["x.html: gone"]
