"""Says what is wrong, each thing once, and never raises: logging must not end a training."""

from __future__ import annotations

import logging
import warnings
from contextlib import suppress

from .errors import EdgerunWarning

logger = logging.getLogger("edgerun")
logger.addHandler(logging.NullHandler())

_said: set[str] = set()


def warn_once(key: str, message: str, *, level: int = logging.WARNING) -> None:
    """Warns about a thing by the logger ``edgerun`` and as an ``EdgerunWarning``, the first time it is met."""
    if key in _said:
        return
    _said.add(key)
    try:
        logger.log(level, message)
        warnings.warn(message, EdgerunWarning, stacklevel=3)
    except Exception:
        # Warnings may have been made errors, and handlers of others may fail.
        with suppress(Exception):
            logger.debug("A warning could not be given", exc_info=True)


def say(level: int, message: str, *args: object) -> None:
    """Logs, though handlers of others may fail."""
    with suppress(Exception):
        logger.log(level, message, *args)


def forget() -> None:
    """Lets everything be said again; for tests."""
    _said.clear()
