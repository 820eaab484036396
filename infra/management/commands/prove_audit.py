"""`manage.py prove_audit`: seal what has no seal yet, and check that nothing was changed or removed."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from infra.audit.proof import prove_audit
from infra.audit.sealing import DIGEST_PATTERN, seal_events
from infra.ticks import database_clock


class Command(BaseCommand):
    """Prints the counts, the newest seal and each fault; exit code 1 where there is one."""

    help = (
        "Prove that no event of the audit log was changed, added between others or removed. Keep the digest that it "
        "prints where no administrator of the database can write, and give it with --head the next time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            default="",
            metavar="DIGEST",
            help="a digest printed before, which must be in the chain still",
        )

    def handle(self, *args: Any, head: str, **options: Any) -> None:
        if head and not DIGEST_PATTERN.fullmatch(head):
            raise CommandError("--head: a digest has 64 hexadecimal digits.")
        seal_events(database_clock())
        proof = prove_audit(head.lower())
        for fault in proof.faults:
            self.stdout.write(fault)
        counts = f"{_count(proof.seals, 'seal')} of {_count(proof.events, 'event')}"
        if proof.dropped:
            counts += f"; the events of {_count(proof.dropped, 'seal')} were dropped by the retention"
        if proof.unsealed:
            counts += f"; {_count(proof.unsealed, 'event')} not sealed yet"
        self.stdout.write(f"{counts}.")
        self.stdout.write(f"The newest seal: {proof.head}")
        if proof.faults:
            self.stdout.write(f"{_count(len(proof.faults), 'fault')}.")
            sys.exit(1)
        self.stdout.write("The chain holds.")


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
