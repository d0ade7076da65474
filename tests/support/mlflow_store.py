"""An MLflow store as MLflow makes it when it is first written to, which takes 66 migrations."""

import shutil
from pathlib import Path

import pytest

from tests.support.once import made_once, shared_folder


def new_store(factory: pytest.TempPathFactory, folder: Path) -> str:
    """Returns the address of an empty store in a folder."""

    def make(unfinished: Path) -> None:
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # it imports for seconds

        unfinished.mkdir()
        SqlAlchemyStore(f"sqlite:///{unfinished / 'mlflow.db'}", str(unfinished))._dispose_engine()

    made = made_once(shared_folder(factory, "mlflow") / "store", make)
    shutil.copyfile(made / "mlflow.db", folder / "mlflow.db")
    return f"sqlite:///{folder / 'mlflow.db'}"
