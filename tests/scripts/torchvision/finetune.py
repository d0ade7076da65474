"""Fine-tuning as in PyTorch's tutorial: a network whose last layer is new, on images of two classes."""

import argparse
import copy

import torch
from torch import nn
from torchvision import models, transforms
from torchvision.datasets import FakeData

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.001)
parser.add_argument("--momentum", type=float, default=0.9)
parser.add_argument("--num-epochs", type=int, default=3)
args = parser.parse_args()

torch.manual_seed(0)
to_tensor = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.25] * 3)])
images = FakeData(64, (3, 32, 32), num_classes=2, transform=to_tensor)
pixels = torch.stack([images[at][0] for at in range(64)])
labels = torch.tensor([int(images[at][1]) for at in range(64)])
pixels[labels == 1] += 0.5  # something to learn

model = models.resnet18(weights=None)
for parameter in model.parameters():
    parameter.requires_grad = False
model.fc = nn.Linear(model.fc.in_features, 2)
optimizer = torch.optim.SGD(model.fc.parameters(), lr=args.lr, momentum=args.momentum)
best, best_loss = None, float("inf")

for epoch in range(args.num_epochs):
    print(f"Epoch {epoch}/{args.num_epochs - 1}")
    print("-" * 10)
    for phase, part in (("train", slice(0, 48)), ("val", slice(48, 64))):
        model.train(phase == "train")
        with torch.set_grad_enabled(phase == "train"):
            outputs = model(pixels[part])
            loss = nn.functional.cross_entropy(outputs, labels[part])
        if phase == "train":
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        accuracy = (outputs.argmax(1) == labels[part]).float().mean()
        print(f"{phase} Loss: {loss:.4f} Acc: {accuracy:.4f}")
        if phase == "val" and loss < best_loss:
            best, best_loss = copy.deepcopy(model.state_dict()), loss
    print()

torch.save(best, "best_model.pt")
print(f"Best val Loss: {best_loss:.4f}")
