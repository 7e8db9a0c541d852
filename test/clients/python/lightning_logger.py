"""Logs as Lightning's Trainer does, by Lightning's own base class of loggers, which is all of it that loads without PyTorch."""

import importlib
import importlib.util
import json
import os
import pathlib
import sys
import types


def stand_in(name, **attributes):
    module = sys.modules[name] = types.ModuleType(name)
    module.__dict__.update(attributes)
    module.__path__ = []
    return module


# PyTorch is named by the base class, and not used. The packages are entered without their `__init__`, which needs it.
stand_in("torch", Tensor=object)
stand_in("torch.nn", Module=object)
(root,) = importlib.util.find_spec("lightning").submodule_search_locations
for package in (
    "",
    ".fabric",
    ".fabric.loggers",
    ".fabric.utilities",
    ".pytorch",
    ".pytorch.loggers",
    ".pytorch.utilities",
):
    stand_in(f"lightning{package}").__path__ = [os.path.join(root, *package.split(".")[1:])]
stand_in("lightning.pytorch.callbacks")
stand_in("lightning.pytorch.callbacks.model_checkpoint", ModelCheckpoint=object)
rank_zero = importlib.import_module("lightning_utilities.core.rank_zero")
stand_in("lightning.fabric.utilities.rank_zero", rank_zero_only=rank_zero.rank_zero_only)
fabric = importlib.import_module("lightning.fabric.loggers.logger")
sys.modules["lightning.fabric.loggers"].Logger = fabric.Logger
base = importlib.import_module("lightning.pytorch.loggers.logger")
sys.modules["lightning.pytorch.loggers"].Logger = base.Logger
sys.modules["lightning.pytorch.utilities"].rank_zero_only = rank_zero.rank_zero_only

import edgerun
from edgerun.callbacks.lightning import EdgerunLogger


class Checkpoints:
    best_model_path = "best.ckpt"
    last_model_path = ""


def train(logger):
    logger.log_hyperparams({"lr": 0.1, "model": {"width": 8}})
    for step in range(3):
        logger.log_metrics({"train/loss": 1 / (step + 1), "epoch": 0}, step)
        logger.save()
    logger.after_save_checkpoint(Checkpoints())
    logger.finalize("success")


pathlib.Path("best.ckpt").write_text("weights")
with edgerun.init("lightning", owner="frameworks") as run:
    logger = EdgerunLogger(run, prefix="fold/", log_checkpoints=True)
    assert isinstance(logger, base.Logger)
    assert (logger.name, logger.version, logger.experiment) == ("edgerun", run.id, run)
    rank_zero.rank_zero_only.rank = 0
    train(logger)
    rank_zero.rank_zero_only.rank = 1
    train(logger)
print(json.dumps({"run": run.id}))
