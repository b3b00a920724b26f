"""The start of every Python process in the tests: it lives TESTS_OFFSET seconds after the machine's time."""

import os
import sys
import time
from datetime import UTC, datetime

if offset := os.environ.get("TESTS_OFFSET"):
    spared = {"pytest": None, "dateutil.parser": None}  # time_machine can do without them, and they take long to import
    sys.modules.update(spared)
    import time_machine

    for name in spared:
        del sys.modules[name]
    begins = datetime.fromtimestamp(time.time() + float(offset), UTC)  # noqa: TID251  the machine's time is wanted
    time_machine.travel(begins, tick=True).start()
