"""A module beside the script, which is compiled once for all trials."""


def rows(score: float, epochs: int) -> str:
    """Returns a metrics file whose epochs all have the score."""
    return "epoch,val_accuracy\n" + "".join(f"{epoch},{score!r}\n" for epoch in range(1, epochs + 1))
