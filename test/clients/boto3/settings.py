"""Parameter Store and Secrets Manager: what applications read their settings from."""
import re

from here import client, refused


def test_parameters_in_versions_and_hierarchies():
    ssm = client("ssm")
    assert ssm.put_parameter(Name="/boto/url", Value="one", Type="String", Tags=[{"Key": "a", "Value": "b"}])["Version"] == 1
    ssm.put_parameter(Name="/boto/url", Value="two", Overwrite=True)
    ssm.put_parameter(Name="/boto/deep/key", Value="s3cret", Type="SecureString")
    assert ssm.get_parameter(Name="/boto/url")["Parameter"]["Value"] == "two"
    assert ssm.get_parameter(Name="/boto/url:1")["Parameter"]["Value"] == "one"
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/boto", Recursive=True, WithDecryption=True, PaginationConfig={"PageSize": 1}
    )
    assert {one["Name"]: one["Value"] for page in pages for one in page["Parameters"]} == {"/boto/url": "two", "/boto/deep/key": "s3cret"}
    assert ssm.get_parameter(Name="/boto/deep/key")["Parameter"]["Value"] != "s3cret"
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/boto/url")["TagList"] == [{"Key": "a", "Value": "b"}]
    refused("ParameterAlreadyExists", ssm.put_parameter, Name="/boto/url", Value="x", Type="String")
    refused("ParameterNotFound", ssm.get_parameter, Name="/boto/none")
    try:
        ssm.get_parameter(Name="/boto/url:9")
        raise AssertionError("was found")
    except ssm.exceptions.ParameterVersionNotFound:
        pass
    assert ssm.delete_parameters(Names=["/boto/url", "/boto/deep/key"])["InvalidParameters"] == []


def test_secrets_in_versions():
    secrets = client("secretsmanager")
    password = secrets.get_random_password(PasswordLength=20, ExcludePunctuation=True)["RandomPassword"]
    assert re.fullmatch(r"[A-Za-z0-9]{20}", password)
    made = secrets.create_secret(Name="boto/db", SecretString=password)
    secrets.put_secret_value(SecretId="boto/db", SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId=made["ARN"])["SecretBinary"] == b"\x00\xff"
    assert secrets.get_secret_value(SecretId="boto/db", VersionStage="AWSPREVIOUS")["SecretString"] == password
    listed = [one["Name"] for page in secrets.get_paginator("list_secrets").paginate() for one in page["SecretList"]]
    assert listed == ["boto/db"]
    secrets.delete_secret(SecretId="boto/db", RecoveryWindowInDays=7)
    refused("InvalidRequestException", secrets.get_secret_value, SecretId="boto/db")
    secrets.restore_secret(SecretId="boto/db")
    secrets.delete_secret(SecretId="boto/db", ForceDeleteWithoutRecovery=True)
    try:
        secrets.describe_secret(SecretId="boto/db")
        raise AssertionError("was found")
    except secrets.exceptions.ResourceNotFoundException:
        pass
