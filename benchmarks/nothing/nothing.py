"""Writes a metrics file and ends. One in twenty trials, chosen by its number, fails instead."""

import argparse
import http.client
import os
import random
import sys
import time
import urllib.parse

FAILING = 0.05

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--number", type=int, required=True)
parser.add_argument("--wait_seconds", "--wait-seconds", type=float, default=0.0)
parser.add_argument("--epochs", type=int, required=True)
parser.add_argument("--seed", type=int, required=True)
options = parser.parse_args()

time.sleep(options.wait_seconds)
if random.Random(f"{options.seed}:{options.number}").random() < FAILING:  # noqa: S311
    sys.exit("this trial was chosen to fail")

uri = urllib.parse.urlparse(os.environ["STEPSWEEP_METRICS_URI"])
# The embedded cloud checks the access key, not the signature.
credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/20260101/{os.environ['AWS_REGION']}/s3/aws4_request"
connection = http.client.HTTPConnection(urllib.parse.urlparse(os.environ["AWS_ENDPOINT_URL"]).netloc)
connection.request(
    "PUT",
    f"/{uri.netloc}{uri.path}",
    body=f"epoch,train_loss,val_loss,val_accuracy,seconds\n1,0.5,0.5,{options.number / 1e6},0.1\n".encode(),
    headers={
        "If-None-Match": "*",
        "Content-Type": "text/csv",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
    },
)
if (status := connection.getresponse().status) != 200:
    sys.exit(f"the metrics could not be written: {status}")
