"""Logs what PyTorch Lightning trains, as a logger of its Trainer.

from edgerun.callbacks.lightning import EdgerunLogger

with edgerun.init("digits") as run:
    Trainer(logger=EdgerunLogger(run)).fit(model, data)
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from ..run import Run

# Either package has a Trainer that takes loggers of its own alone; the one that is in use already is meant.
if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning.loggers import Logger
    from pytorch_lightning.utilities import rank_zero_only
else:
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.utilities import rank_zero_only


class EdgerunLogger(Logger):  # type: ignore[misc]
    """Logs what modules log (``self.log``), with the step that Lightning says, and their hyperparameters as params.

    Only the process that is the first of all logs, because Lightning has reduced what the others have.

    Args:
        run: What it logs to; whoever began it ends it.
        prefix: Stands before the names of metrics, as in ``fold-1/``.
        log_checkpoints: Whether the best checkpoint and the last one become artifacts when the training ends.
    """

    def __init__(self, run: Run, *, prefix: str = "", log_checkpoints: bool = False) -> None:
        super().__init__()
        self._run = run
        self._prefix = prefix
        self._log_checkpoints = log_checkpoints
        self._checkpoints: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """The folder below the Trainer's, in which checkpoints are saved."""
        return "edgerun"

    @property
    def version(self) -> str:
        """The folder below that."""
        return self._run.id

    @property
    def experiment(self) -> Run:
        """The run, for what Lightning has no words for: ``self.logger.experiment.log_artifact(…)``."""
        return self._run

    @rank_zero_only  # type: ignore[untyped-decorator,unused-ignore]
    def log_hyperparams(self, params: Mapping[str, Any] | Namespace, *args: Any, **others: Any) -> None:
        self._run.params.update(vars(params) if isinstance(params, Namespace) else params)

    @rank_zero_only  # type: ignore[untyped-decorator,unused-ignore]
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self._run.log({self._prefix + name: float(value) for name, value in metrics.items()}, step)

    @rank_zero_only  # type: ignore[untyped-decorator,unused-ignore]
    def after_save_checkpoint(self, checkpoint_callback: Any) -> None:
        self._checkpoints = {
            name: getattr(checkpoint_callback, f"{name}_model_path", None) for name in ("best", "last")
        }

    @rank_zero_only  # type: ignore[untyped-decorator,unused-ignore]
    def finalize(self, status: str) -> None:
        for name, path in self._checkpoints.items():
            if self._log_checkpoints and path:
                self._run.log_artifact(path, f"checkpoints/{name}.ckpt")
        self._checkpoints = {}
