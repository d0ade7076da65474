"""Prints its environment, and of a secret the hash."""

import hashlib
import json
import os

print("val_accuracy=0.5")
secret = os.environ.pop("WANDB_API_KEY", None)
print("secret", secret and hashlib.sha256(secret.encode()).hexdigest())
print("seen", json.dumps(dict(os.environ)))
