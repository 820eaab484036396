"""Redirects after a form."""

from __future__ import annotations

from django.http import HttpResponseRedirect


class SeeOther(HttpResponseRedirect):
    """A redirect (303) after an accepted form, so that a reload does not send the form again."""

    status_code = 303
