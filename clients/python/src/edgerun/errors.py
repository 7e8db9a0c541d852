"""What can go wrong between this client and a tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class EdgerunError(Exception):
    """The base of all errors of this package."""


class EdgerunWarning(UserWarning):
    """Something is wrong with logging. It is said once, and training goes on."""


class Unreachable(EdgerunError):
    """A request got no answer of a tracker: no connection, none in time, or something else answered in its place."""


class ApiError(EdgerunError):
    """An answer other than 2xx.

    Attributes:
        status: The HTTP status.
        detail: What the tracker says is wrong.
        errors: What is wrong with each part of the request, as ``{"path": …, "message": …}``.
        retry_after: After how many seconds the tracker wants to be asked again, where it says so.
        of_tracker: Whether it is the tracker's own word, and not that of a proxy on the way.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        retry_after: float | None = None,
        of_tracker: bool = True,
    ) -> None:
        super().__init__(status, detail, errors, retry_after, of_tracker)
        self.status = status
        self.detail = detail
        self.errors = list(errors)
        self.retry_after = retry_after
        self.of_tracker = of_tracker

    @property
    def passing(self) -> bool:
        """Whether the same request may well succeed later, with nothing done about it."""
        return not self.of_tracker or self.status in (408, 425, 429) or self.status >= 500

    def __str__(self) -> str:
        found = "; ".join(f"{error.get('path')}: {error.get('message')}" for error in self.errors[:5])
        return f"{self.status} {self.detail}" + (f" ({found})" if found else "")


class SpoolError(EdgerunError):
    """Points could not be written to the spool."""
