"""The Django project: settings, Celery, URLs, and the local server behind `make up`."""

from redeemer.celery import app as celery_app

__all__ = ["celery_app"]
