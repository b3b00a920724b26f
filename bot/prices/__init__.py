"""Daily bars, calendars, and checks of their quality."""
