"""Lightning with its CSVLogger and a checkpoint of the best epoch."""

import argparse

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader, TensorDataset


class Classifier(lightning.LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.layer = torch.nn.Linear(4, 2)

    def step(self, batch):
        x, y = batch
        return torch.nn.functional.cross_entropy(self.layer(x), y)

    def training_step(self, batch, _):
        loss = self.step(batch)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, _):
        self.log("val_loss", self.step(batch), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.lr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--max_epochs", type=int, default=3)
    args = parser.parse_args()

    lightning.seed_everything(0)
    x = torch.randn(256, 4)
    data = TensorDataset(x, (x.sum(1) > 0).long())
    loader = DataLoader(data, batch_size=32)
    saver = ModelCheckpoint("checkpoints", filename="best", monitor="val_loss")
    trainer = lightning.Trainer(
        max_epochs=args.max_epochs,
        logger=CSVLogger("logs", name="mine"),
        callbacks=[saver],
        accelerator="cpu",
        log_every_n_steps=4,
    )
    trainer.fit(Classifier(args.lr), loader, loader)
    print("Best val_loss:", saver.best_model_score.item())
