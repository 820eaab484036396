#!/usr/bin/env python
"""The command-line door of Closeboard."""

from __future__ import annotations

import os
import sys

from closeboard.command_line import run_command

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeboard.settings")
    run_command(sys.argv)
