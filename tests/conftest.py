"""What every test runs under."""

from __future__ import annotations

import signal

import hypothesis

# A deadline for each example would measure how busy the machine is; pytest's timeout bounds the whole test.
hypothesis.settings.register_profile("bridge", deadline=None, print_blob=True)
hypothesis.settings.load_profile("bridge")

# A shell starts its background jobs with SIGINT ignored, and every process that a test starts would inherit that; tests
# of Ctrl-C are about what the command does with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
