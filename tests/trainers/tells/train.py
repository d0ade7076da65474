"""Prints its environment, and of a secret the hash; and does what `--act` says."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

print("val_accuracy=0.5")
secret = os.environ.pop("WANDB_API_KEY", None)
print("secret", secret and hashlib.sha256(secret.encode()).hexdigest())
print("seen", json.dumps(dict(os.environ)), flush=True)

if "leave" in sys.argv:
    sys.exit(75)
elif "grow" in sys.argv:
    subprocess.Popen([sys.executable, "-c", "import time; held = bytearray(400 * 2**20); time.sleep(600)"])
    time.sleep(600)
elif "meet" in sys.argv:
    # Waits until a second trial has started, and fails where that has the same GPU.
    folder = Path(os.environ["STEPSWEEP_DATA_DIR"])
    folder.mkdir(exist_ok=True)
    gpu = os.environ["CUDA_VISIBLE_DEVICES"]
    (folder / f"gpu-{gpu}").touch(exist_ok=False)
    (folder / f"started-{os.getpid()}").touch()
    while len(list(folder.glob("started-*"))) < 2:
        time.sleep(0.02)
    print("gpu", gpu)
    (folder / f"gpu-{gpu}").unlink()
