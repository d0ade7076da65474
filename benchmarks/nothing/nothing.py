"""Writes a metrics file and ends. One in twenty trials, chosen by its number, fails instead."""

import argparse
import http.client
import os
import random
import sys
import time
import urllib.parse

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

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
endpoint = os.environ["AWS_ENDPOINT_URL"]
request = AWSRequest(
    "PUT",
    f"{endpoint}/{uri.netloc}{uri.path}",
    headers={"If-None-Match": "*", "Content-Type": "text/csv"},
    data=f"epoch,train_loss,val_loss,val_accuracy,seconds\n1,0.5,0.5,{options.number / 1e6},0.1\n".encode(),
)
key = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
S3SigV4Auth(key, "s3", os.environ["AWS_REGION"]).add_auth(request)
connection = http.client.HTTPConnection(urllib.parse.urlparse(endpoint).netloc)
connection.request("PUT", f"/{uri.netloc}{uri.path}", body=request.data, headers=dict(request.headers.items()))
if (status := connection.getresponse().status) != 200:
    sys.exit(f"the metrics could not be written: {status}")
