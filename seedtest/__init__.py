"""The service: tests, polling, reports, admin and API around the engine in `placement`."""

from seedtest.celery import app as celery_app

__all__ = ["celery_app"]
