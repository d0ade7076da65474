"""A script without epochs: one score, and a parameter in capitals."""

import click
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score


@click.command()
@click.option("--C", "strength", type=float, default=1.0)
@click.option("--intercept/--no-intercept", default=True)
def main(strength: float, intercept: bool) -> None:
    inputs, targets = load_iris(return_X_y=True)
    model = LogisticRegression(C=strength, fit_intercept=intercept, max_iter=500)
    print("accuracy:", cross_val_score(model, inputs, targets).mean())


main()
