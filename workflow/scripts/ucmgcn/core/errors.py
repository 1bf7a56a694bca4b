"""The two kinds of error that are not bugs."""


class UserError(Exception):
    """Something the user can mend; the message says what is wrong, where, and how to mend it."""


class ItemError(UserError):
    """One input item cannot be used; the message is the reason that `rejected.csv` gives."""
