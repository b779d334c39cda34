"""The pipeline that everyone writes: torchvision's MNIST, transforms, DataLoaders, a loop.

The engine is measured against it: with an ORIGINAL recipe and the same seed its printed digits are the engine's.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms
from torchvision.datasets import MNIST

from mnist_helpers import data
from mnist_helpers.training import recipes
from mnist_helpers.training.recipes import Recipe


class LeNet5(nn.Module):
    """The original report's network, written down as everyone would."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.conv3 = nn.Conv2d(16, 120, 5)
        self.fc1 = nn.Linear(120, 84)
        self.fc2 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.avg_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.conv3(x)).flatten(1)
        return self.fc2(torch.tanh(self.fc1(x)))


class MLP(nn.Module):
    """784-256-128-10, every weight from U(0, 1), as in the original report."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(784, 256), nn.Linear(256, 128), nn.Linear(128, 10)
        for layer in (self.fc1, self.fc2, self.fc3):
            nn.init.uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


def datasets(recipe: Recipe, images: int | None = None) -> tuple[Dataset, Dataset]:
    """torchvision's training and test set (at most `images` of each), unpacked from the committed files elsewhere."""
    steps = [transforms.Resize((32, 32))] if recipe.resize == "bilinear" else []
    transform = transforms.Compose([*steps, transforms.ToTensor()])
    with tempfile.TemporaryDirectory() as folder:  # read into memory by MNIST, so the files can go again
        shutil.copytree(data.project_path("data") / "MNIST", Path(folder) / "MNIST")
        train, test = (MNIST(folder, train=part, transform=transform, download=True) for part in (True, False))
    if images is None:
        return train, test
    return tuple(Subset(part, range(min(images, len(part)))) for part in (train, test))


def evaluate(model: nn.Module, loader: DataLoader, device: torch.device) -> tuple[float, float]:
    """(mean loss, accuracy as a fraction) over a loader."""
    model.eval()
    loss, hits = 0.0, 0
    with torch.no_grad():
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            logits = model(x)
            loss += F.cross_entropy(logits, y).item() * len(y)
            hits += (logits.argmax(1) == y).sum().item()
    return loss / len(loader.dataset), hits / len(loader.dataset)


def train(
    recipe: Recipe, seed: int, train_set: Dataset, test_set: Dataset, device: str | torch.device = "cpu"
) -> Iterator[dict]:
    """Train one of the two ORIGINAL recipes, of any length: a row of the history after each epoch."""
    networks = {recipes.ORIGINAL_LENET5: LeNet5, recipes.ORIGINAL_MLP: MLP}
    network = networks.get(replace(recipe, epochs=recipes.ORIGINAL_LENET5.epochs))
    if network is None:
        raise ValueError(f"the plain pipeline knows only the ORIGINAL recipes, not {recipe.name}")
    torch.manual_seed(seed)
    train_loader = DataLoader(train_set, recipe.batch_size, shuffle=recipe.shuffle)
    test_loader = DataLoader(test_set, recipe.batch_size)
    model = network().to(device)
    optimizer = torch.optim.Adam(model.parameters(), recipe.learning_rate, fused=True)  # unfused it rounds otherwise
    for epoch in range(recipe.epochs):
        model.train()
        total = 0.0
        for x, y in train_loader:
            x, y = x.to(device), y.to(device)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
        test_loss, _ = evaluate(model, test_loader, device)
        _, train_accuracy = evaluate(model, train_loader, device)
        _, test_accuracy = evaluate(model, test_loader, device)
        yield {
            "epoch": epoch,
            "train_loss": total / len(train_set),
            "train_accuracy": train_accuracy,
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
        }
