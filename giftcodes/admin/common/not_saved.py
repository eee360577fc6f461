"""An entry that an inline form did not accept. The page shows it once more, with the error.

An inline form is sent to the page of its row, which redirects to the page where the form was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model
    from django.http import HttpRequest

_KEY = "not_saved"
#: Longer entries are shown in part.
_MOST = 40


def keep(request: HttpRequest, row: Model, value: str, error: str) -> None:
    """Keep an entry for the next page that has a form for the row.

    Args:
        request: the request with the entry.
        row: the row that the form corrects.
        value: what the person entered.
        error: what is wrong with it.
    """
    kind = str(row._meta.model_name)
    request.session[_KEY] = {kind: row.pk, "value": value[:_MOST], "error": error}


def take(request: HttpRequest) -> dict[str, Any]:
    """The kept entry, for the template's variable `wrong`. Empty if there is none.

    The row's id is stored under the name of the row's model, such as `member`.
    """
    found: dict[str, Any] = request.session.pop(_KEY, {})
    return found
