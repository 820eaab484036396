from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Both of these need the models, which are loaded by now.
        from alerts.routing.silences import silences_for_boards  # noqa: PLC0415
        from periods.snapshot.annotations import set_silence_source  # noqa: PLC0415

        set_silence_source(silences_for_boards)
