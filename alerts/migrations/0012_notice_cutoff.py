"""The moment before which notices may have been deleted; outages by their end (docs/adr/0027)."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("alerts", "0011_topic_of_silences"),
        ("entities", "0004_holiday_categories"),
    ]

    operations = [
        migrations.CreateModel(
            name="NoticeCutoff",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddIndex(
            model_name="outage",
            index=models.Index(fields=["closed_at"], name="outage_by_end"),
        ),
    ]
