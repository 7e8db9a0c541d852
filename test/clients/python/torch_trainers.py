"""Trains with the real Trainers of PyTorch Lightning and Transformers."""

import json
import sys

import edgerun
import lightning
import torch
from edgerun.callbacks.lightning import EdgerunLogger
from edgerun.callbacks.transformers import EdgerunCallback
from torch.utils.data import DataLoader, Dataset
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

torch.manual_seed(7)
x = torch.randn(64, 4)
y = (x.sum(1) > 0).long()


class Data(Dataset):
    def __len__(self):
        return len(x)

    def __getitem__(self, at):
        return {"x": x[at], "labels": y[at]}


class Module(lightning.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(4, 2)
        self.losses = []

    def training_step(self, batch, _):
        loss = torch.nn.functional.cross_entropy(self.layer(batch["x"]), batch["labels"])
        self.log("train/loss", loss)
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


class Config(PretrainedConfig):
    model_type = "tiny"


class Model(PreTrainedModel):
    config_class = Config

    def __init__(self, config):
        super().__init__(config)
        self.layer = torch.nn.Linear(4, 2)
        self.post_init()

    def forward(self, x=None, labels=None):
        logits = self.layer(x)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


folder = sys.argv[1]
with edgerun.init("lightning", owner="frameworks") as first:
    module = Module()
    logger = EdgerunLogger(first, log_checkpoints=True)
    trainer = lightning.Trainer(
        logger=logger, max_epochs=2, log_every_n_steps=1, accelerator="cpu", default_root_dir=folder, enable_progress_bar=False
    )
    trainer.fit(module, DataLoader(Data(), batch_size=8))

with edgerun.init("transformers", owner="frameworks") as second:
    arguments = TrainingArguments(
        folder, num_train_epochs=2, per_device_train_batch_size=8, logging_steps=4, eval_strategy="epoch", report_to=[],
        disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    callbacks = [EdgerunCallback(second)]
    trainer = Trainer(Model(Config()), arguments, train_dataset=Data(), eval_dataset=Data(), callbacks=callbacks)
    trainer.train()

found = {"lightning": first.id, "losses": module.losses, "transformers": second.id, "history": trainer.state.log_history}
print("\n" + json.dumps(found))
