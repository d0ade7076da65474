"""LightGBM with early stopping, as in its guide."""

import argparse

import lightgbm as lgb
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.1)
parser.add_argument("--num-leaves", type=int, default=31)
parser.add_argument("--rounds", type=int, default=100)
args = parser.parse_args()

random = np.random.default_rng(0)
x = random.normal(size=(300, 5))
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
train = lgb.Dataset(x[:200], y[:200])
valid = lgb.Dataset(x[200:], y[200:], reference=train)
params = {
    "objective": "binary",
    "learning_rate": args.learning_rate,
    "num_leaves": args.num_leaves,
    "num_threads": 1,
    "verbose": -1,
}
model = lgb.train(
    params, train, args.rounds, valid_sets=[valid], callbacks=[lgb.early_stopping(5), lgb.log_evaluation(1)]
)
model.save_model("model.txt")
print("Best logloss:", f"{model.best_score['valid_0']['binary_logloss']:g}")
