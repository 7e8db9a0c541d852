"""Logs what the Trainer of Hugging Face Transformers trains.

from edgerun.callbacks.transformers import EdgerunCallback

with edgerun.init("sentiment") as run:
    Trainer(model, arguments, callbacks=[EdgerunCallback(run)], …).train()
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

from transformers import TrainerCallback

from ..run import Run


class EdgerunCallback(TrainerCallback):  # type: ignore[misc]
    """Logs what the Trainer logs: ``train/…``, ``eval/…`` and ``test/…``, with the global step.

    Only the process that is the first of all logs, because the Trainer has gathered what the others have.

    Args:
        run: What it logs to; whoever began it ends it.
        log_params: Whether the arguments of the training and the model's configuration become params; those of the
            model are named ``model.…``.
        log_checkpoints: Whether each checkpoint that is saved becomes an artifact.
    """

    def __init__(self, run: Run, *, log_params: bool = True, log_checkpoints: bool = False) -> None:
        self._run = run
        self._log_params = log_params
        self._log_checkpoints = log_checkpoints

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
        if not (self._log_params and state.is_world_process_zero):
            return
        config = getattr(model, "config", None)
        if config is not None:
            config = config if isinstance(config, dict) else config.to_dict()
            self._run.params.update({"model": _set(config)})
        self._run.params.update(_set(args.to_sanitized_dict()))

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **others: Any
    ) -> None:
        if state.is_world_process_zero:
            # Beside numbers there may be text, as of tables.
            numbers = {
                _name(name): float(value) for name, value in (logs or {}).items() if isinstance(value, Real)
            }
            self._run.log(numbers, state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        if self._log_checkpoints and state.is_world_process_zero:
            name = f"checkpoint-{state.global_step}"
            self._run.log_artifact(f"{args.output_dir}/{name}", f"checkpoints/{name}")


def _name(name: str) -> str:
    """``eval_loss`` is of the evaluation; what has no such prefix is of the training."""
    for part in ("eval", "test"):
        if name.startswith(f"{part}_"):
            return f"{part}/{name[len(part) + 1 :]}"
    return f"train/{name}"


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are set to something."""
    return {name: value for name, value in values.items() if value is not None and value != ""}
