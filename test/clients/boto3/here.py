"""Where the platform is, and what every tour needs."""
import io
import time
import urllib.error
import urllib.request
import zipfile

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = None
ACCOUNT = "000000000000"
REGION = "us-east-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/tour"
PATIENCE_SECONDS = 60


def settings(**config):
    return {
        "endpoint_url": ENDPOINT,
        "region_name": REGION,
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "config": Config(retries={"max_attempts": 0}, **config),
    }


def client(service, **config):
    return boto3.client(service, **settings(**config))


def resource(service):
    return boto3.resource(service, **settings())


def refused(code, call, *args, **kwargs):
    """The error that a call ends with, which has this code."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        return error
    raise AssertionError(f"{code} was expected")


def eventually(look):
    """What `look` returns once that is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"still {found}"
        time.sleep(0.05)


def fetch(url, data=None, method=None, headers=None):
    """Status, headers and body of an answer, whatever the status."""
    request = urllib.request.Request(url, data=data, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def zipped(**files):
    """An archive of sources: `index__mjs` is `index.mjs`."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()
