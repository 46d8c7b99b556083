"""Trains a small network on handwritten digits with Lightning."""

import argparse

import lightning
import torch
from callback import MlopsCallback, resume_path
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mlops_ci.guest.sdk import save_model


class Digits(lightning.LightningModule):
    def __init__(self, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self.network(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, batch_idx) -> None:
        accuracy = (self.network(batch[0]).argmax(dim=1) == batch[1]).float().mean()
        self.log("accuracy", accuracy, batch_size=len(batch[1]))

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.lr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    lightning.seed_everything(arguments.seed)
    digits = load_digits()
    data = TensorDataset(torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target))
    train, test = torch.utils.data.random_split(data, [1437, 360], torch.Generator().manual_seed(7))

    trainer = lightning.Trainer(
        max_epochs=arguments.epochs,
        callbacks=[MlopsCallback(every=100)],
        enable_checkpointing=False,
        logger=False,
        log_every_n_steps=10,
        enable_progress_bar=False,
    )
    module = Digits(arguments.lr)
    loaders = DataLoader(train, batch_size=32, shuffle=True), DataLoader(test, batch_size=360)
    trainer.fit(module, *loaders, ckpt_path=resume_path())
    save_model(module.network, config={"hidden": 64, "classes": 10, "input": [64]})


if __name__ == "__main__":
    main()
