"""The words by which a line says what its numbers are."""

from __future__ import annotations

USUAL = (
    "acc", "accuracy", "auc", "auroc", "average_precision", "bleu", "dice", "f1", "iou", "map", "mcc", "miou", "ndcg",
    "precision", "psnr", "r2", "recall", "reward", "score", "ssim", "top1", "top5", "bpc", "brier", "cer",
    "cross_entropy", "deviance", "eer", "error", "fid", "loss", "log_loss", "logloss", "mae", "mape", "mse", "msle",
    "nll", "perplexity", "ppl", "rmse", "rmsle", "smape", "wer",
)  # fmt: skip
"""Names that count without a sign before their number."""
ANY_USUAL = "|".join(USUAL)
IN_USUAL = [name for name in USUAL if not any(other in name for other in USUAL if other != name)] + ["prec@"]
"""Each of them has one of these in it, and so has `Prec@5`."""
SPLITS = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "validating": "val",
    "eval": "eval", "evaluation": "eval", "evaluating": "eval", "test": "test", "testing": "test", "dev": "dev",
    "holdout": "holdout",
}  # fmt: skip
"""What a line says that its values were measured on."""
ANY_SPLIT = "|".join(SPLITS)
THINGS = {"set", "data", "dataset", "split", "images", "samples", "examples"}
"""What stands before the number in `Accuracy on the test set: 0.9`, which is the accuracy."""
NOT_METRICS = {"epoch", "epochs", "step", "steps", "iteration", "iter", "batch"}
