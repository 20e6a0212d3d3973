"""SQS: messages of both kinds of queue, waiting for them, dead letters, batches, pages."""
import json
import threading
import time

import here
from here import ACCOUNT, client, fetch, refused, resource


def test_messages_carry_their_attributes():
    sqs = client("sqs")
    queue = resource("sqs").create_queue(QueueName="boto-plain", Attributes={"VisibilityTimeout": "5"})
    attributes = {
        "s": {"DataType": "String", "StringValue": "ü"},
        "n": {"DataType": "Number.int", "StringValue": "7"},
        "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    queue.send_message(MessageBody="hello <&> \u00fc", MessageAttributes=attributes)
    (message,) = queue.receive_messages(AttributeNames=["All"], MessageAttributeNames=["All"], WaitTimeSeconds=5)
    assert message.body == "hello <&> \u00fc" and message.message_attributes == attributes
    assert message.attributes["ApproximateReceiveCount"] == "1" and message.attributes["SenderId"]
    message.change_visibility(VisibilityTimeout=0)
    (again,) = queue.receive_messages(AttributeNames=["ApproximateReceiveCount"], WaitTimeSeconds=5)
    assert again.attributes == {"ApproximateReceiveCount": "2"}
    again.delete()
    assert queue.receive_messages() == []
    refused("ReceiptHandleIsInvalid", sqs.delete_message, QueueUrl=queue.url, ReceiptHandle="none")
    queue.delete()


def test_a_waiting_receiver_is_woken():
    queue = resource("sqs").create_queue(QueueName="boto-wait")
    got = []
    waiting = threading.Thread(
        target=lambda: got.extend(client("sqs").receive_message(QueueUrl=queue.url, WaitTimeSeconds=20)["Messages"])
    )
    began = time.monotonic()
    waiting.start()
    queue.send_message(MessageBody="now")
    waiting.join()
    assert [message["Body"] for message in got] == ["now"] and time.monotonic() - began < 19


def test_batches_fail_in_part():
    queue = resource("sqs").create_queue(QueueName="boto-batch")
    entries = [{"Id": str(number), "MessageBody": f"m{number}"} for number in range(9)]
    sent = queue.send_messages(Entries=[*entries, {"Id": "bad", "MessageBody": "\x01"}])
    assert len(sent["Successful"]) == 9
    assert [(one["Id"], one["SenderFault"], one["Code"]) for one in sent["Failed"]] == [
        ("bad", True, "InvalidMessageContents")
    ]
    got = []
    while len(got) < 9:
        got += queue.receive_messages(MaxNumberOfMessages=10, WaitTimeSeconds=1)
    done = queue.delete_messages(Entries=[{"Id": str(at), "ReceiptHandle": m.receipt_handle} for at, m in enumerate(got)])
    assert len(done["Successful"]) == 9 and not done.get("Failed")
    sqs = client("sqs")
    for code, entries in (
        ("AWS.SimpleQueueService.EmptyBatchRequest", []),
        ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", [{"Id": str(n), "MessageBody": "m"} for n in range(11)]),
        ("AWS.SimpleQueueService.BatchEntryIdsNotDistinct", [{"Id": "1", "MessageBody": "m"}] * 2),
        ("AWS.SimpleQueueService.InvalidBatchEntryId", [{"Id": "!", "MessageBody": "m"}]),
    ):
        refused(code, sqs.send_message_batch, QueueUrl=queue.url, Entries=entries)


def test_groups_of_fifo_queues_keep_their_order():
    queue = resource("sqs").create_queue(
        QueueName="boto.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )
    for body in ("1", "2", "2", "3"):
        queue.send_message(MessageBody=body, MessageGroupId="g")
    first = queue.receive_messages(MaxNumberOfMessages=2, AttributeNames=["All"], WaitTimeSeconds=5)
    assert [message.body for message in first] == ["1", "2"]
    assert queue.receive_messages() == []
    numbers = [int(message.attributes["SequenceNumber"]) for message in first]
    assert numbers == sorted(numbers) and len(set(numbers)) == 2
    queue.delete_messages(Entries=[{"Id": m.body, "ReceiptHandle": m.receipt_handle} for m in first])
    (last,) = queue.receive_messages(WaitTimeSeconds=5)
    assert last.body == "3"
    refused("MissingParameter", client("sqs").send_message, QueueUrl=queue.url, MessageBody="m")


def test_dead_letters_go_aside_and_come_back():
    sqs = client("sqs")
    dead = resource("sqs").create_queue(QueueName="boto-dead")
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:boto-dead"
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    queue = resource("sqs").create_queue(QueueName="boto-source", Attributes={"RedrivePolicy": redrive})
    queue.send_message(MessageBody="poison")
    (message,) = queue.receive_messages(WaitTimeSeconds=5)
    message.change_visibility(VisibilityTimeout=0)
    assert queue.receive_messages() == []
    (message,) = dead.receive_messages(VisibilityTimeout=0, WaitTimeSeconds=5)
    assert message.body == "poison"
    assert [url for url in sqs.get_paginator("list_dead_letter_source_queues").paginate(QueueUrl=dead.url).search(
        "queueUrls"
    )] == [queue.url]
    assert json.loads(queue.attributes["RedrivePolicy"])["maxReceiveCount"] == 1


def test_queues_come_in_pages_and_errors_have_their_codes():
    sqs = client("sqs")
    urls = [sqs.create_queue(QueueName=f"boto-page-{number}")["QueueUrl"] for number in range(5)]
    pages = list(
        sqs.get_paginator("list_queues").paginate(QueueNamePrefix="boto-page-", PaginationConfig={"PageSize": 2})
    )
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]
    assert sorted(url for page in pages for url in page["QueueUrls"]) == urls
    error = refused("AWS.SimpleQueueService.NonExistentQueue", sqs.get_queue_url, QueueName="none")
    assert isinstance(error, sqs.exceptions.QueueDoesNotExist), type(error)
    refused("QueueAlreadyExists", sqs.create_queue, QueueName="boto-page-0", Attributes={"DelaySeconds": "9"})
    refused("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=urls[0], AttributeNames=["none"])
    refused("InvalidAttributeValue", sqs.create_queue, QueueName="x", Attributes={"DelaySeconds": "901"})
    refused("InvalidParameterValue", sqs.create_queue, QueueName="not/a/name")
    sqs.tag_queue(QueueUrl=urls[0], Tags={"team": "a"})
    assert sqs.list_queue_tags(QueueUrl=urls[0])["Tags"] == {"team": "a"}
    sqs.untag_queue(QueueUrl=urls[0], TagKeys=["team"])
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=urls[0])


def test_the_old_query_protocol_is_spoken():
    def query(path="/", **parameters):
        body = "&".join(f"{name}={value}" for name, value in parameters.items()).encode()
        status, headers, answer = fetch(
            here.ENDPOINT + path, body, "POST", {"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert headers["Content-Type"].startswith("text/xml"), headers
        return status, answer.decode()

    status, answer = query(Action="CreateQueue", QueueName="boto-query", Version="2012-11-05")
    assert status == 200 and "<CreateQueueResponse" in answer and "<RequestId>" in answer, answer
    path = f"/{ACCOUNT}/boto-query"
    status, answer = query(path, Action="SendMessage", MessageBody="by%20query", Version="2012-11-05")
    assert status == 200 and "<MD5OfMessageBody>" in answer, answer
    asked = {"Action": "ReceiveMessage", "AttributeName.1": "All", "WaitTimeSeconds": "5", "Version": "2012-11-05"}
    status, answer = query(path, **asked)
    assert status == 200 and "<Body>by query</Body>" in answer and "<Name>SentTimestamp</Name>" in answer, answer
    status, answer = query(Action="GetQueueUrl", QueueName="none", Version="2012-11-05")
    assert status == 400 and "<Code>AWS.SimpleQueueService.NonExistentQueue</Code>" in answer, answer
    status, _, answer = fetch(f"{here.ENDPOINT}{path}?Action=GetQueueAttributes&AttributeName.1=QueueArn&Version=2012-11-05")
    assert status == 200 and f":{ACCOUNT}:boto-query</Value>" in answer.decode(), answer
