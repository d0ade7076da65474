"""The callbacks of docs/trial-kit.md, run in the real libraries under `stepsweep-trial`.

`make frameworks` has them all in an environment of its own; elsewhere a library that is missing skips its tests.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import boto3
import pytest

import stepsweep
from stepsweep.contract.metrics import parse_csv
from tests.support.embedded import REPOSITORY
from tests.support.moto_server import running_moto
from tests.support.trainer import BUCKET, environment, job_environment

PYTHON = os.environ.get("FRAMEWORKS_PYTHON", sys.executable)
PAGE = (REPOSITORY / "docs" / "trial-kit.md").read_text()

# Each trains on little data, and leaves what the library itself recorded, a list per name, in history.json.
DATA = """
import json, os
import numpy as np
x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
y = (x.sum(axis=1) > 0).astype("int64")
def keep(history):
    with open("history.json", "w") as file:
        json.dump({name: [float(value) for value in values] for name, values in history.items()}, file)
"""

# In one attempt, SIGTERM comes after the second epoch.
INTERRUPT = """
if "INTERRUPT" in os.environ:
    import signal, time
    report_once = trial.report
    def report_and_wait(metrics, epoch):
        stop = report_once(metrics, epoch=epoch)
        if epoch != 2:
            return stop
        handler, seen = signal.getsignal(signal.SIGTERM), []
        signal.signal(signal.SIGTERM, lambda *given: (seen.append(given), handler(*given)))
        os.kill(os.getppid(), signal.SIGTERM)
        while not seen:
            time.sleep(0.05)
        return report_once(metrics, epoch=epoch)
    trial.report = report_and_wait
"""

LIGHTNING = """
import torch
class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(4, 2)
        self.seen = []
    def loss(self, batch):
        return torch.nn.functional.cross_entropy(self.layer(batch[0]), batch[1])
    def training_step(self, batch, at):
        loss = self.loss(batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss
    def validation_step(self, batch, at):
        self.log("val_loss", self.loss(batch))
    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            self.seen.append(self.trainer.callback_metrics["val_loss"].item())
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=trial.params["lr"])
model = Model()
loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x), torch.tensor(y)), batch_size=16)
saver = lightning.pytorch.callbacks.ModelCheckpoint(trial.checkpoint_dir, save_last=True)
trainer = lightning.Trainer(
    max_epochs=trial.params["epochs"], callbacks=[Report(), saver], logger=False, accelerator="cpu"
)
trainer.fit(model, loader, loader, ckpt_path="last")
keep({"val_loss": model.seen})
"""

HUGGING_FACE = """
import torch
config = transformers.BertConfig(
    vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
)
model = transformers.BertForSequenceClassification(config)
rows = [{"input_ids": (abs(row) * 5 + 1).astype("int64") % 20, "labels": int(label)} for row, label in zip(x, y)]
trainer = transformers.Trainer(
    model,
    transformers.TrainingArguments(
        output_dir=trial.checkpoint_dir, num_train_epochs=trial.params["epochs"], learning_rate=trial.params["lr"],
        eval_strategy="epoch", save_strategy="epoch", report_to="none", use_cpu=True,
    ),
    train_dataset=rows, eval_dataset=rows, callbacks=[Report()],
)
trainer.train(resume_from_checkpoint=transformers.trainer_utils.get_last_checkpoint(trial.checkpoint_dir))
keep({"eval_loss": [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]})
"""

KERAS = """
model = keras.Sequential([keras.layers.Dense(2, activation="softmax")])
model.compile(keras.optimizers.SGD(trial.params["lr"]), "sparse_categorical_crossentropy")
backup = keras.callbacks.BackupAndRestore(trial.checkpoint_dir, delete_checkpoint=False)
history = model.fit(
    x, y, epochs=trial.params["epochs"], validation_data=(x, y), callbacks=[Report(), backup], verbose=2
)
keep(history.history)
"""

XGBOOST = """
data, seen = xgboost.DMatrix(x, y), {}
xgboost.train(
    {"eta": trial.params["lr"], "objective": "binary:logistic"}, data, trial.params["epochs"],
    evals=[(data, "train"), (data, "val")], evals_result=seen, callbacks=[Report()],
)
keep({f"{data}_{name}": values for data, log in seen.items() for name, values in log.items()})
"""

LIGHTGBM = """
data, seen = lightgbm.Dataset(x, y), {}
lightgbm.train(
    {"learning_rate": trial.params["lr"], "objective": "binary", "min_data_in_leaf": 2}, data, trial.params["epochs"],
    valid_sets=[data], valid_names=["val"], callbacks=[report, lightgbm.record_evaluation(seen)],
)
keep({f"{data}_{name}": values for data, log in seen.items() for name, values in log.items()})
"""

SCRIPTS = {
    "Lightning": ("lightning", LIGHTNING),
    "Hugging Face": ("transformers", HUGGING_FACE),
    "Keras": ("keras", KERAS),
    "XGBoost": ("xgboost", XGBOOST),
    "LightGBM": ("lightgbm", LIGHTGBM),
}


def callback(title: str) -> str:
    found = re.search(rf"^### {title}\n\n```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(params=SCRIPTS)
def title(request: pytest.FixtureRequest) -> str:
    """A framework whose library is installed."""
    name: str = request.param
    library = SCRIPTS[name][0]
    looked = subprocess.run(
        [PYTHON, "-c", f"import importlib.util as u; exit(u.find_spec({library!r}) is None)"], check=False
    )
    if looked.returncode:
        pytest.skip(f"{library} is not installed; `make frameworks` has it")
    return name


def run(tmp_path: Path, title: str, **more: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "train.py").write_text(DATA + callback(title) + INTERRUPT + SCRIPTS[title][1])
    return subprocess.run(
        [PYTHON, "-m", "stepsweep.trial", "--", PYTHON, "train.py", "{args}", "--lr", "0.1", "--epochs", "3"],
        cwd=tmp_path,
        env=environment(
            PYTHONPATH=str(Path(stepsweep.__file__).parent.parent),
            STEPSWEEP_METRICS_URI="metrics.csv",
            KERAS_BACKEND="torch",
            HF_HUB_OFFLINE="1",
            CUDA_VISIBLE_DEVICES="",
            **more,
        ),
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def test_a_callback_is_short(title: str) -> None:
    assert len([line for line in callback(title).splitlines() if line]) < 10


def test_the_metrics_are_those_that_the_library_recorded(title: str, tmp_path: Path) -> None:
    ended = run(tmp_path, title)
    assert ended.returncode == 0, ended.stderr[-3000:]
    columns = parse_csv((tmp_path / "metrics.csv").read_bytes(), max_epochs=3).columns
    history = json.loads((tmp_path / "history.json").read_text())
    assert history
    for name, values in history.items():
        assert columns[name] == pytest.approx(values, rel=1e-6), name
        assert len(values) == 3


@pytest.mark.parametrize("title", ["Lightning", "Hugging Face", "Keras"], indirect=True)
def test_an_interrupted_training_goes_on_where_it_was(title: str, tmp_path: Path) -> None:
    with running_moto() as url:
        job = job_environment(url, trial_id=title.replace(" ", "-"), epochs=3)
        del job["STEPSWEEP_METRICS_URI"]
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",  # noqa: S106
        )
        client.create_bucket(Bucket=BUCKET)
        first = run(tmp_path, title, INTERRUPT="yes", **job)
        second = run(tmp_path, title, **job)
    assert first.returncode == 75, first.stderr[-3000:]
    assert first.stderr.splitlines()[-1] == "stepsweep-trial: interrupted with metrics of epoch 2 of 3"
    assert second.returncode == 0, second.stderr[-3000:]
    assert re.findall(r"^epoch (\d)", second.stdout, re.MULTILINE) == ["3"]
    columns = parse_csv((tmp_path / "metrics.csv").read_bytes(), max_epochs=3).columns
    assert len(columns["epoch"]) == 3
