"""Lambda and CloudWatch Logs: code in Node and Python, invoked, versioned, fed from a queue, and what it logs."""
import base64
import json
import time

from here import ACCOUNT, REGION, ROLE, client, eventually, fetch, refused, zipped

ECHO = """
def handler(event, context):
    print("got", event)
    if event == "boom":
        raise ValueError("as asked")
    return {"event": event, "name": context.function_name, "version": context.function_version}
"""


def function(name, runtime="python3.11", code=None, **more):
    answer = client("lambda").create_function(
        FunctionName=name,
        Runtime=runtime,
        Role=ROLE,
        Handler="index.handler",
        Code={"ZipFile": code or zipped(index__py=ECHO)},
        **{"Timeout": 20, **more},
    )
    client("lambda").get_waiter("function_active_v2").wait(FunctionName=name)
    return answer["FunctionArn"]


def test_functions_are_invoked_versioned_and_logged():
    lambda_, logs = client("lambda"), client("logs")
    arn = function("boto-echo", Environment={"Variables": {"COLOUR": "blue"}}, Tags={"team": "a"})
    answer = lambda_.invoke(FunctionName="boto-echo", Payload=json.dumps({"n": 1}), LogType="Tail")
    assert json.load(answer["Payload"]) == {"event": {"n": 1}, "name": "boto-echo", "version": "$LATEST"}
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert "got {'n': 1}" in tail and "REPORT RequestId:" in tail, tail
    failed = lambda_.invoke(FunctionName=arn, Payload='"boom"')
    problem = json.load(failed["Payload"])
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert (problem["errorMessage"], problem["errorType"]) == ("as asked", "ValueError") and problem["stackTrace"]
    assert lambda_.invoke(FunctionName="boto-echo", InvocationType="DryRun")["StatusCode"] == 204
    version = lambda_.publish_version(FunctionName="boto-echo")["Version"]
    lambda_.get_waiter("published_version_active").wait(FunctionName="boto-echo", Qualifier=version)
    lambda_.create_alias(FunctionName="boto-echo", Name="live", FunctionVersion=version)
    answer = lambda_.invoke(FunctionName="boto-echo", Qualifier="live", Payload="1")
    assert (answer["ExecutedVersion"], json.load(answer["Payload"])["version"]) == (version, version)
    lambda_.update_function_configuration(FunctionName="boto-echo", MemorySize=256)
    lambda_.get_waiter("function_updated_v2").wait(FunctionName="boto-echo")
    assert lambda_.get_function(FunctionName="boto-echo")["Tags"] == {"team": "a"}

    def reports():
        events = logs.get_paginator("filter_log_events").paginate(
            logGroupName="/aws/lambda/boto-echo", filterPattern="REPORT", PaginationConfig={"PageSize": 1}
        )
        found = list(events.search("events[].message"))
        return found if len(found) == 3 else None

    assert all("Billed Duration" in line for line in eventually(reports))
    streams = logs.describe_log_streams(logGroupName="/aws/lambda/boto-echo", orderBy="LastEventTime", descending=True)
    assert streams["logStreams"][0]["logStreamName"]


def test_code_comes_from_a_bucket_and_answers_at_its_address():
    lambda_, s3 = client("lambda"), client("s3")
    s3.create_bucket(Bucket="boto-code")
    source = "export const handler = async (event) => ({ statusCode: 201, body: event.rawPath });"
    s3.put_object(Bucket="boto-code", Key="code.zip", Body=zipped(index__mjs=source))
    lambda_.create_function(
        FunctionName="boto-url",
        Runtime="nodejs24.x",
        Role=ROLE,
        Handler="index.handler",
        Code={"S3Bucket": "boto-code", "S3Key": "code.zip"},
    )
    url = lambda_.create_function_url_config(FunctionName="boto-url", AuthType="NONE")["FunctionUrl"]
    lambda_.add_permission(
        FunctionName="boto-url",
        StatementId="all",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="NONE",
    )
    identity = url.split("//")[1].split(".")[0]
    status, _, body = fetch(f"{lambda_.meta.endpoint_url}/_aws/lambda-url/{identity}/some/path")
    assert (status, body) == (201, b"/some/path")
    location = lambda_.get_function(FunctionName="boto-url")["Code"]["Location"]
    assert fetch(location)[2][:2] == b"PK"


def test_a_queue_feeds_a_function_which_uses_its_own_client():
    sqs, lambda_ = client("sqs"), client("lambda")
    source = """
import boto3, os
sqs = boto3.client("sqs")
def handler(event, context):
    failures = []
    for record in event["Records"]:
        if record["body"] == "bad":
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            sqs.send_message(QueueUrl=os.environ["OUT"], MessageBody=record["body"].upper())
    return {"batchItemFailures": failures}
"""
    out = sqs.create_queue(QueueName="boto-out")["QueueUrl"]
    dead = sqs.create_queue(QueueName="boto-in-dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:boto-in-dead", "maxReceiveCount": 1}
    attributes = {"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "4"}
    incoming = sqs.create_queue(QueueName="boto-in", Attributes=attributes)["QueueUrl"]
    function("boto-worker", code=zipped(index__py=source), Environment={"Variables": {"OUT": out}}, Timeout=4)
    mapping = lambda_.create_event_source_mapping(
        FunctionName="boto-worker",
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:boto-in",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )["UUID"]
    sqs.send_message_batch(
        QueueUrl=incoming, Entries=[{"Id": body, "MessageBody": body} for body in ("good", "bad")]
    )
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=out, WaitTimeSeconds=5).get("Messages"))
    assert message["Body"] == "GOOD"
    (message,) = eventually(lambda: sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=5).get("Messages"))
    assert message["Body"] == "bad"
    eventually(lambda: lambda_.get_event_source_mapping(UUID=mapping)["State"] == "Enabled")
    lambda_.delete_event_source_mapping(UUID=mapping)
    eventually(lambda: not lambda_.list_event_source_mappings(FunctionName="boto-worker")["EventSourceMappings"])


def test_functions_come_in_pages_and_errors_have_their_codes():
    lambda_ = client("lambda")
    names = ["boto-echo", "boto-url", "boto-worker"]
    pages = lambda_.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    assert set(names) <= set(pages.search("Functions[].FunctionName"))
    error = refused("ResourceNotFoundException", lambda_.invoke, FunctionName="none")
    assert isinstance(error, lambda_.exceptions.ResourceNotFoundException)
    assert error.response["Error"]["Message"] == f"Function not found: arn:aws:lambda:{REGION}:{ACCOUNT}:function:none"
    refused("ResourceConflictException", lambda: function("boto-echo"))
    refused("InvalidRequestContentException", lambda_.invoke, FunctionName="boto-echo", Payload="{")
    refused("InvalidParameterValueException", lambda: function("boto-other", runtime="python2.7"))
    for name in names:
        lambda_.delete_function(FunctionName=name)
    refused("ResourceNotFoundException", lambda_.get_function, FunctionName="boto-echo")


def test_logs_are_written_and_read_in_pages():
    logs = client("logs")
    which = {"logGroupName": "/boto/tour", "logStreamName": "one"}
    logs.create_log_group(logGroupName="/boto/tour", tags={"team": "a"})
    logs.create_log_stream(**which)
    now = int(time.time() * 1000)
    logs.put_log_events(
        **which, logEvents=[{"timestamp": now + at, "message": f'{{"n": {at}}}'} for at in range(10)]
    )
    seen, token = [], {}
    while True:
        page = logs.get_log_events(**which, startFromHead=True, limit=4, **token)
        if token.get("nextToken") == page["nextForwardToken"]:
            break
        token = {"nextToken": page["nextForwardToken"]}
        seen += [json.loads(event["message"])["n"] for event in page["events"]]
    assert seen == list(range(10))
    found = logs.filter_log_events(logGroupName="/boto/tour", filterPattern="{ $.n > 7 }")["events"]
    assert [json.loads(event["message"])["n"] for event in found] == [8, 9]
    logs.put_retention_policy(logGroupName="/boto/tour", retentionInDays=7)
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/boto/tour")["logGroups"]
    assert group["retentionInDays"] == 7
    refused("ResourceAlreadyExistsException", logs.create_log_group, logGroupName="/boto/tour")
    error = refused("ResourceNotFoundException", logs.get_log_events, logGroupName="none", logStreamName="none")
    assert error.response["Error"]["Message"] == "The specified log group does not exist."
    refused("InvalidParameterException", logs.put_retention_policy, logGroupName="/boto/tour", retentionInDays=2)
    logs.delete_log_group(logGroupName="/boto/tour")
