"""A script whose settings are Hydra's."""

import hydra
import numpy as np
from omegaconf import DictConfig


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config: DictConfig) -> None:
    random = np.random.default_rng(config.seed)
    x = random.normal(size=(200, 3))
    y = x @ [1.0, -2.0, 0.5]
    weights = np.zeros(3)
    losses = []
    for epoch in range(1, config.epochs + 1):
        gradient = 2 * x.T @ (x @ weights - y) / len(x) + config.optim.weight_decay * weights
        weights -= config.optim.lr * gradient
        losses.append(float(np.mean((x @ weights - y) ** 2)))
        print(f"epoch={epoch} loss={losses[-1]:.6f}")
    np.save("weights.npy", weights)
    print(f"lowest {min(losses):.6f}")


main()
