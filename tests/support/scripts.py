"""Scripts as people write them, each in a folder of tests/scripts with one sweep.yaml, and how a person runs them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.embedded import REPOSITORY

SCRIPTS = REPOSITORY / "tests" / "scripts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """How a person runs a script.

    Attributes:
        library: a module that it imports.
        words: the command line, with a trial's params in braces; a boolean is a flag, or one that begins with `no-`.
        file: what it leaves.
    """

    library: str
    words: str
    file: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def command(self, params: Mapping[str, Any]) -> list[str]:
        text = self.words
        for name, value in params.items():
            word = f"--{'' if value else 'no-'}{name}" if isinstance(value, bool) else str(value)
            text = text.replace(f"{{{name}}}", word)
        return text.split()


PEOPLE = {
    "torchvision": Script(
        library="torchvision", words="finetune.py --lr {lr} --num-epochs 3", file="best_model.pt"
    ),
    "xgboost": Script(
        library="xgboost", words="train.py --eta {eta} --max_depth {max_depth} --num_boost_round 10", file="model.json"
    ),
    "lightgbm": Script(
        library="lightgbm",
        words="train.py --learning-rate {learning_rate} --num-leaves {num_leaves} --rounds 30",
        file="model.txt",
    ),
    "lightning": Script(
        library="lightning", words="train.py --lr {lr} --max_epochs 3", file="checkpoints/best.ckpt"
    ),
    "lightning_cli": Script(
        library="jsonargparse",
        words="main.py fit --config defaults.yaml --model.lr {model.lr} --model.hidden {model.hidden} "
        "--trainer.max_epochs 3",
    ),
    "hugging_face": Script(
        library="transformers",
        words="run.py --learning_rate {learning_rate} --num_train_epochs 2",
        file="model/model.safetensors",
    ),
    "keras": Script(
        library="keras",
        words="train.py --learning_rate {learning_rate} --epochs 3",
        file="model.keras",
        environment={"KERAS_BACKEND": "torch"},
    ),
    "hydra": Script(
        library="hydra",
        words="train.py optim.lr={optim.lr} optim.weight_decay={optim.weight_decay} epochs=5 seed=0",
        file="weights.npy",
    ),
}  # fmt: skip

HERE = {
    "pytorch": Script(library="torch", words="main.py --lr {lr} --batch-size 16 --epochs 3", file="best.pt"),
    "sklearn": Script(library="sklearn", words="fit.py --C {C} {intercept}"),
}
"""Those whose libraries the development environment has."""
