"""`python -m bot`."""

from bot.cli import main

if __name__ == "__main__":  # a process that draws charts imports this module, too
    main()
