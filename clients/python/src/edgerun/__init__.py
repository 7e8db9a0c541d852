"""Edgerun: logs training jobs to an experiment tracker, without ever making them wait.

import edgerun

with edgerun.init("digits", params={"lr": 0.1}) as run:
    for step in range(1000):
        run.log({"loss": loss}, step)
"""

from __future__ import annotations

from .errors import ApiError, EdgerunError, EdgerunWarning, SpoolError, Unreachable
from .run import Run, init

__version__ = "0.1.0"

__all__ = [
    "ApiError",
    "EdgerunError",
    "EdgerunWarning",
    "Run",
    "SpoolError",
    "Unreachable",
    "__version__",
    "init",
]
