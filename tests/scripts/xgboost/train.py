"""XGBoost as in its guide: a watch list, and what xgboost.train itself prints."""

import argparse

import numpy as np
import xgboost

parser = argparse.ArgumentParser()
parser.add_argument("--eta", type=float, default=0.3)
parser.add_argument("--max_depth", type=int, default=6)
parser.add_argument("--num_boost_round", type=int, default=10)
args = parser.parse_args()

random = np.random.default_rng(0)
x = random.normal(size=(300, 5))
y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int)
train, valid = xgboost.DMatrix(x[:200], y[:200]), xgboost.DMatrix(x[200:], y[200:])
params = {"eta": args.eta, "max_depth": args.max_depth, "objective": "binary:logistic", "nthread": 1}
history: dict = {}
model = xgboost.train(
    params, train, args.num_boost_round, evals=[(train, "train"), (valid, "eval")], evals_result=history
)
model.save_model("model.json")
print("Best logloss:", min(history["eval"]["logloss"]))
