"""Where a browser goes after a form."""

from __future__ import annotations

from django.http import HttpResponseRedirect


class SeeOther(HttpResponseRedirect):
    """Where to go after a form was taken: a reload of that page does not send the form again."""

    status_code = 303
