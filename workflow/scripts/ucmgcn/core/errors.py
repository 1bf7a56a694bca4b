"""The two errors that are not bugs."""


class UserError(Exception):
    """An error the user can fix; the message says what is wrong, where, and how to fix it."""


class ItemError(UserError):
    """An input item cannot be used; the message is the reason given in `rejected.csv`."""
