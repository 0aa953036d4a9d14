"""What may go wrong without being a fault of leadstream."""


class ExpectedError(Exception):
    """Something that people can mend: its message says what it is, and what to do.

    Commands print it as one line; of any other error they show where it came from.
    """
