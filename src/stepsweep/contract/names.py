"""Rules for the names of sweeps, and of options and metrics, which follow people's own scripts."""

import re
from typing import TypeGuard

from stepsweep.contract.limits import MAX_NAME

_SWEEP = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{MAX_NAME - 1}}}", re.ASCII)

OPTION = r"[A-Za-z][A-Za-z0-9_./-]{0,63}"
"""Examples: `lr`, `C`, `batch-size`, `optim.lr`. None of these characters is special in a shell or in HTML."""
_OPTION = re.compile(OPTION, re.ASCII)
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]{0,127}", re.ASCII)

OPTION_RULE = "letters, digits and _ . / -, a letter first, at most 64"

RESERVED = {
    "epochs": "give it as the field `epochs`",
    "seed": "give it as the field `seed`",
    "folds": "give it as the field `folds`",
    "fold": "give how many there are as the field `folds`",
    "help": "it would end the trainer before it trains",
    "uploads3": "the sweep decides where results go",
}
"""Names that a trainer would take for another option."""

_ABBREVIATED = ("epochs", "seed")
_SHORTEST = 2

BETTER_HIGH = frozenset({
    "acc", "accuracy", "auc", "auroc", "average_precision", "bleu", "dice", "f1", "hits", "iou", "map", "mcc", "miou",
    "ndcg", "precision", "psnr", "r2", "recall", "reward", "rouge", "score", "ssim", "top1", "top5",
})  # fmt: skip
BETTER_LOW = frozenset({
    "bpc", "brier", "cer", "cross_entropy", "deviance", "eer", "error", "fid", "loss", "log_loss", "logloss", "mae",
    "mape", "mse", "msle", "nll", "perplexity", "ppl", "rmse", "rmsle", "smape", "wer",
})  # fmt: skip
_SPLITS = ("train", "val", "valid", "validation", "eval", "test", "dev")


def is_sweep(name: object) -> bool:
    return isinstance(name, str) and bool(_SWEEP.fullmatch(name))


def is_option(name: object) -> bool:
    return isinstance(name, str) and bool(_OPTION.fullmatch(name))


def is_metric(name: object) -> TypeGuard[str]:
    return isinstance(name, str) and bool(_METRIC.fullmatch(name))


def why_reserved(name: str) -> str | None:
    """Returns what to write instead of a reserved name; None if the name is allowed.

    If a trainer has no `--ep`, Python's argparse takes it for `--epochs`, and all trials would be the same.
    """
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    if plain in RESERVED:
        return RESERVED[plain]
    for option in _ABBREVIATED:
        if len(plain) >= _SHORTEST and option.startswith(plain):
            return f"a trainer may take it for --{option}; {RESERVED[option]}, or choose another name"
    return None


def known_direction(metric: str) -> str | None:
    """Returns `maximize` or `minimize` for a well-known metric such as `val_auc`, `eval/loss` or `Acc@1`; or None."""
    words = re.split(r"[_./@-]", re.sub(r"@[\d.]+$", "", metric.lower()))
    while words and words[0] in _SPLITS:
        words = words[1:]
    name = "_".join(words)
    if name in BETTER_HIGH:
        return "maximize"
    return "minimize" if name in BETTER_LOW else None
