"""Logs what Keras 3 trains.

from edgerun.callbacks.keras import EdgerunCallback

with edgerun.init("digits") as run:
    model.fit(x, y, epochs=10, callbacks=[EdgerunCallback(run)])
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras.callbacks import Callback

from ..run import Run


class EdgerunCallback(Callback):  # type: ignore[misc]
    """Logs the metrics of each epoch (``loss``, ``val_loss``, …, ``learning_rate``), with the epoch as step.

    What ``evaluate`` finds is logged as ``test/loss`` and the like.

    Args:
        run: What it logs to; whoever began it ends it.
        every: Logs ``batch/loss`` and the like every so many batches as well, with the number of the batch as step. They
            are means over the epoch so far, as Keras has them. None for epochs alone.
        log_params: Whether optimizer, number of weights and the arguments of ``fit`` become params.
    """

    def __init__(self, run: Run, *, every: int | None = None, log_params: bool = True) -> None:
        super().__init__()
        if every is not None and every < 1:
            raise ValueError("every is a number of batches, from 1")
        self._run = run
        self._every = every
        self._log_params = log_params
        self._batches = 0
        self._is_fitting = False

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self._is_fitting = True
        if not self._log_params:
            return
        params: dict[str, Any] = {
            name: self.params[name] for name in ("epochs", "steps") if self.params.get(name)
        }
        params["model"] = self.model.name
        if self.model.built:
            params["weights"] = self.model.count_params()
        if self.model.optimizer is not None:
            config = self.model.optimizer.get_config()
            params["optimizer"] = {name: value for name, value in config.items() if _is_plain(value)}
        self._run.params.update(params)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._every is not None and self._batches % self._every == 0:
            self._run.log(
                {f"batch/{name}": float(value) for name, value in (logs or {}).items()}, self._batches
            )
        self._batches += 1

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        metrics = {name: float(value) for name, value in (logs or {}).items()}
        if self.model.optimizer is not None:
            metrics.setdefault("learning_rate", float(self.model.optimizer.learning_rate))
        self._run.log(metrics, epoch)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._is_fitting = False

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        # Within `fit` the same values come at the end of the epoch, as `val_…`.
        if logs and not self._is_fitting:
            self._run.log({f"test/{name}": float(value) for name, value in logs.items()}, self._batches)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool))
