"""The entry point for a WSGI server."""

from __future__ import annotations

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from redeemer.postgresql import base
from redeemer.startup_errors import exit_with, require_secret_key

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "redeemer.settings")

try:
    require_secret_key()
    base.statement_seconds = settings.WEB_STATEMENT_SECONDS
    application = get_wsgi_application()
    import_module(settings.ROOT_URLCONF)
    # What is loaded now stays to the end of the process. Without this, each full collection looks
    # at all of it again, which takes longer than most pages.
    gc.freeze()
except ImproperlyConfigured as error:
    exit_with(error)
