"""The Django project: settings, Celery, addresses, and the embedded servers."""

from redeemer.celery import app as celery_app

__all__ = ["celery_app"]
