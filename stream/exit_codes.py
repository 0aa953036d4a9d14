"""What a command's exit code says."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the command line, each with a sentence."""

    def __new__(cls, code: int, sentence: str) -> "ExitCode":
        """Make a member that has its sentence beside it."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.sentence = sentence
        return member

    sentence: str

    DONE = 0, "It is done, and what was looked at is as it should be."
    FAILED = (
        1,
        "It is not done, or not all of it: Kafka does not answer, a file or setting is faulty, "
        "rows are bad; or what was looked at is not as it should be (`doctor`, `topics --verify`, "
        "`state check`). One line or more on standard error say why, and what to do.",
    )
    CALLED_WRONGLY = (
        2,
        "It was not begun: no such command or option, a value that cannot be, or an extra that is "
        "not installed. One line says which.",
    )
    INTERRUPTED = 130, "Ctrl-C ended it."
