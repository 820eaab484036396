from django.apps import AppConfig


class CloseboardConfig(AppConfig):
    name = "closeboard"

    def ready(self) -> None:
        from closeboard import checks  # noqa: F401, PLC0415 - registers itself
