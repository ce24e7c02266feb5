"""What every test runs under."""

from __future__ import annotations

import hypothesis

# A deadline for each example would measure how busy the machine is; pytest's timeout bounds the whole test.
hypothesis.settings.register_profile("bridge", deadline=None, print_blob=True)
hypothesis.settings.load_profile("bridge")
