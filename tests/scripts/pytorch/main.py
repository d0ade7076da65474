"""A script as people write them: torch, argparse, a progress line a batch, a best.pt, and sentences for metrics."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--batch-size", type=int, default=32)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--epochs", type=int, default=2)
parser.add_argument("--no-momentum", action="store_true")
args = parser.parse_args()

torch.manual_seed(1)
torch.set_num_threads(1)
inputs = torch.randn(256, 8)
targets = (inputs.sum(1) > 0).long()
model = nn.Linear(8, 2)
optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.0 if args.no_momentum else 0.9)
best = -1

for epoch in range(1, args.epochs + 1):
    for batch in range(0, 192, args.batch_size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(
            model(inputs[batch : batch + args.batch_size]), targets[batch : batch + args.batch_size]
        )
        loss.backward()
        optimizer.step()
        print(f"Train Epoch: {epoch} [{batch}/192]\tLoss: {loss.item():.6f}")
    with torch.no_grad():
        correct = int((model(inputs[192:]).argmax(1) == targets[192:]).sum())
    print(f"\nTest set: Accuracy: {correct}/64 ({100 * correct / 64:.0f}%)\n")
    if correct > best:
        best = correct
        torch.save(model.state_dict(), "best.pt")

model.load_state_dict(torch.load("best.pt", weights_only=True))
with torch.no_grad():
    correct = int((model(inputs[192:]).argmax(1) == targets[192:]).sum())
print(f"Final correct: {correct}")
