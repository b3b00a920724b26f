"""`python -m bot`."""

import atexit
import gc
import sys

if __name__ == "__main__":  # a process that draws charts imports this module, too
    atexit.register(gc.freeze)  # what goes away with the process need not be looked through once more
    try:
        from bot.cli import main

        main()
    except KeyboardInterrupt:
        sys.exit(130)
