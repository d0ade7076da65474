"""Keras with its CSVLogger."""

import argparse

import keras
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--learning_rate", type=float, default=0.01)
parser.add_argument("--units", type=int, default=8)
parser.add_argument("--epochs", type=int, default=3)
args = parser.parse_args()

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).normal(size=(128, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int64")
model = keras.Sequential(
    [
        keras.Input((4,)),
        keras.layers.Dense(args.units, activation="relu"),
        keras.layers.Dense(2, activation="softmax"),
    ]
)
model.compile(keras.optimizers.Adam(args.learning_rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(
    x, y, epochs=args.epochs, validation_split=0.25, verbose=0, callbacks=[keras.callbacks.CSVLogger("history.csv")]
)
model.save("model.keras")
print("Best val_loss:", min(history.history["val_loss"]))
