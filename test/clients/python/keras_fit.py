"""Trains with Keras' own `fit`, and prints what Keras itself wrote down beside what the callback has logged to."""

import json
import os

os.environ["KERAS_BACKEND"] = "jax"

import edgerun
import keras
import numpy as np
from edgerun.callbacks.keras import EdgerunCallback

keras.utils.set_random_seed(7)
x = np.random.rand(64, 4).astype("float32")
y = (x.sum(axis=1) > 2).astype("float32")
model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(8, "relu"), keras.layers.Dense(1, "sigmoid")], name="tiny"
)
rate = keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)
model.compile(keras.optimizers.SGD(rate, momentum=0.5), "binary_crossentropy", metrics=["accuracy"])

batches = []


class Batches(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        batches.append(float(logs["loss"]))


with edgerun.init("keras", owner="frameworks") as run:
    callback = EdgerunCallback(run, every=3)
    history = model.fit(
        x, y, batch_size=16, epochs=3, validation_split=0.25, verbose=0, callbacks=[Batches(), callback]
    )
    tested = model.evaluate(x, y, verbose=0, return_dict=True, callbacks=[callback])

found = {
    "run": run.id,
    "history": history.history,
    "batches": batches,
    "tested": tested,
    "weights": model.count_params(),
}
print(json.dumps(found, default=float))
