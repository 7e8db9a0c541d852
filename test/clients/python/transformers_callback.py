"""Has Transformers' own handler of callbacks call the callback, as its Trainer does, which itself needs PyTorch."""

import json

import edgerun
from edgerun.callbacks.transformers import EdgerunCallback
from transformers import TrainerControl, TrainerState
from transformers.trainer_callback import CallbackHandler


class Arguments:
    output_dir = "checkpoints"

    def to_sanitized_dict(self):
        return {"learning_rate": 0.1, "warmup": None, "optim": "adamw", "fsdp": "", "bf16": False}


class Config:
    def to_dict(self):
        return {"layers": 2, "dropout": {"attention": 0.1}}


class Model:
    config = Config()


def train(run, is_first):
    """What a process of a job calls while it trains."""
    state, control = (
        TrainerState(is_world_process_zero=is_first, is_local_process_zero=is_first),
        TrainerControl(),
    )
    handler = CallbackHandler([EdgerunCallback(run)], Model(), None, None, None)
    handler.on_train_begin(Arguments(), state, control)
    for step in (10, 20):
        state.global_step = step
        handler.on_log(
            Arguments(),
            state,
            control,
            {"loss": 1 / step, "learning_rate": 0.1, "table": "text", "epoch": step / 10},
        )
    handler.on_log(Arguments(), state, control, {"eval_loss": 0.25, "eval_accuracy": 1.0, "test_f1": 0.5})
    handler.on_train_end(Arguments(), state, control)


with edgerun.init("transformers", owner="frameworks") as run:
    train(run, True)
    train(run, False)
print(json.dumps({"run": run.id}))
