"""A project on LightningCLI: its options are the classes' own."""

import torch
from lightning.pytorch import LightningDataModule, LightningModule, seed_everything
from lightning.pytorch.cli import LightningCLI
from torch.utils.data import DataLoader, TensorDataset


class Regression(LightningModule):
    def __init__(self, lr: float = 0.01, hidden: int = 4) -> None:
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, 1))
        self.lowest = float("inf")

    def training_step(self, batch, _):
        return torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1])

    def validation_step(self, batch, _):
        self.log("val_mse", torch.nn.functional.mse_loss(self.layers(batch[0]), batch[1]))

    def on_validation_epoch_end(self):
        if not self.trainer.sanity_checking:
            mse = self.trainer.callback_metrics["val_mse"].item()
            self.lowest = min(self.lowest, mse)
            print(f"\nepoch {self.current_epoch} val_mse={mse:.6f}")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


class Points(LightningDataModule):
    def train_dataloader(self):
        generator = torch.Generator().manual_seed(0)
        x = torch.randn(256, 4, generator=generator)
        return DataLoader(TensorDataset(x, x.prod(1, keepdim=True)), batch_size=64)

    val_dataloader = train_dataloader


if __name__ == "__main__":
    seed_everything(0)
    cli = LightningCLI(Regression, Points, seed_everything_default=0, save_config_callback=None)
    print(f"\nlowest {cli.model.lowest:.6f}")
