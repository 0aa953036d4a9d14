"""A request that is refused whole: its HTTP status, the field at fault, what to do."""

from typing import Any


class RefusedRequestError(Exception):
    """Nothing of a request was taken; the message says field, value and remedy.

    Parameters
    ----------
    status
        The HTTP status.
    retry_after_s
        Seconds after which the same request may be taken; None where it never will be.
    """

    def __init__(
        self, status: int, message: str, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.field = field
        self.retry_after_s = retry_after_s

    def body(self) -> dict[str, Any]:
        """Return what the answer says."""
        said: dict[str, Any] = {"success": False, "error": str(self)}
        if self.field is not None:
            said["field"] = self.field
        return said
