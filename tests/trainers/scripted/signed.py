"""Signs a request to S3 with the standard library: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""

import hashlib
import hmac
import os
import time
import urllib.request


def signed(method: str, address: str, path: str, data: bytes) -> urllib.request.Request:
    """Returns a request to the S3 at this address, signed with the job's key."""
    region, now = os.environ["AWS_REGION"], time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = hashlib.sha256(data).hexdigest()
    host = address.partition("//")[2]
    names = "host;x-amz-content-sha256;x-amz-date"
    lines = [method, path, "", f"host:{host}", f"x-amz-content-sha256:{digest}", f"x-amz-date:{now}", "", names, digest]
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    hashed = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashed}"]:
        key = hmac.digest(key, part.encode(), "sha256")
    credential = f"Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    headers = {
        "X-Amz-Date": now,
        "X-Amz-Content-SHA256": digest,
        "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}",
    }
    return urllib.request.Request(address + path, data=data or None, method=method, headers=headers)
