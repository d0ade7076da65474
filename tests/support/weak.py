"""An embedded cloud that answers anybody: on it an attack must succeed, or its failure on a real one shows nothing."""

ANSWERS_ANYBODY = """
import stepsweep.local.signatures as signatures
from stepsweep.local.endpoint import KeyPair

def check(self, environ):
    signatures.read_body(environ)
    known = signatures._HEADER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    service = known["service"] if known else "s3"
    return signatures.Signed(signer=signatures.Signer(key=KeyPair.random()), service=service)

signatures.Signatures.check = check
"""
"""What such a cloud's process does first."""
