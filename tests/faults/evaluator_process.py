"""An evaluator and sender that runs the commands on its standard input, each at a given moment.

`python -m tests.faults.evaluator_process`. `tick ISO` does the same as the task alerts.evaluate at that moment,
`evaluate ISO` the same without checking whether another process has done it, `send ISO` the same as alerts.send.
The answer is the number of messages touched or sent, or the error.
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
                raised = run_evaluation_once_a_minute(lambda: as_of)  # noqa: B023 - called at once
                answer = 0 if raised is None else raised.deliveries
        except Exception as wrong:  # the test looks for it
            print(f"{type(wrong).__name__}: {wrong}".replace("\n", " "), flush=True)
        else:
            print(answer, flush=True)


if __name__ == "__main__":
    main()
