"""An evaluator and sender that does what it is told on standard input, at the moment it is told.

`python -m tests.faults.evaluator_process`. `tick ISO` is what the task alerts.evaluate does at that moment,
`evaluate ISO` the same without asking whether somebody else has done it, `send ISO` what alerts.send does. The
answer is how many messages that touched or sent, or what went wrong.
"""

from __future__ import annotations

import sys
from datetime import datetime

import django


def main() -> None:
    django.setup()

    from alerts.evaluate.run import run_evaluation, run_evaluation_once_a_minute  # noqa: PLC0415 - only once Django is set up
    from alerts.outbox.sending import send_due_mails  # noqa: PLC0415

    print("ready", flush=True)
    for line in sys.stdin:
        what, moment = line.split()
        as_of = datetime.fromisoformat(moment)
        try:
            if what == "send":
                answer = send_due_mails(as_of)
            elif what == "evaluate":
                answer = run_evaluation(as_of).deliveries
            else:
                raised = run_evaluation_once_a_minute(as_of)
                answer = 0 if raised is None else raised.deliveries
        except Exception as wrong:  # the test looks for it
            print(f"{type(wrong).__name__}: {wrong}".replace("\n", " "), flush=True)
        else:
            print(answer, flush=True)


if __name__ == "__main__":
    main()
