"""The one Django app: loads the system checks."""

from django.apps import AppConfig


class SeedtestConfig(AppConfig):
    name = "seedtest"
    verbose_name = "Seed tests"

    def ready(self) -> None:
        from seedtest import system_checks  # noqa: F401 (registers itself)
