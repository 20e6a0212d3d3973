"""SNS: topics, queues and functions that hear them, a real HTTP endpoint with its handshake, mail that is confirmed by a link."""
import http.server
import json
import re
import threading

from here import client, eventually, fetch, refused, resource


def test_a_queue_hears_what_its_filter_takes():
    sns = client("sns")
    topic = resource("sns").create_topic(Name="boto-news", Attributes={"DisplayName": "News"})
    queue = resource("sqs").create_queue(QueueName="boto-heard")
    subscription = topic.subscribe(
        Protocol="sqs",
        Endpoint=queue.attributes["QueueArn"],
        Attributes={"FilterPolicy": json.dumps({"store": [{"prefix": "eu-"}]})},
        ReturnSubscriptionArn=True,
    )
    store = lambda value: {"store": {"DataType": "String", "StringValue": value}}
    topic.publish(Message="left", MessageAttributes=store("us-1"))
    answer = sns.publish_batch(
        TopicArn=topic.arn,
        PublishBatchRequestEntries=[
            {"Id": "a", "Message": "taken ü", "Subject": "S", "MessageAttributes": store("eu-1")},
            {"Id": "b", "Message": "x", "Subject": ""},
        ],
    )
    assert [one["Id"] for one in answer["Successful"]] == ["a"]
    assert answer["Failed"][0]["Code"] == "InvalidParameter"
    (message,) = queue.receive_messages(MaxNumberOfMessages=10)
    body = json.loads(message.body)
    assert body["Message"] == "taken ü" and body["Subject"] == "S" and body["Type"] == "Notification"
    assert subscription.attributes["PendingConfirmation"] == "false"
    status, _, pem = fetch(body["SigningCertURL"])
    assert status == 200 and b"BEGIN CERTIFICATE" in pem
    assert fetch(body["UnsubscribeURL"])[0] == 200
    assert list(topic.subscriptions.all()) == []
    refused("NotFound", sns.publish, TopicArn=topic.arn + "x", Message="x")
    refused("InvalidParameter", sns.create_topic, Name="a b")
    topic.delete()


def test_an_http_endpoint_confirms_and_receives():
    requests = []

    class Endpoint(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            requests.append((dict(self.headers), json.loads(body)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sns = client("sns")
    arn = sns.create_topic(Name="boto-hook")["TopicArn"]
    answer = sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=f"http://127.0.0.1:{server.server_port}/hook")
    assert answer["SubscriptionArn"] == "pending confirmation"
    headers, question = eventually(lambda: requests and requests[0])
    assert headers["x-amz-sns-message-type"] == "SubscriptionConfirmation"
    # As AWS's own example of a subscriber does it: visit the URL.
    status, _, body = fetch(question["SubscribeURL"])
    assert status == 200 and b"<SubscriptionArn>" in body
    sns.publish(TopicArn=arn, Message="hello")
    headers, notification = eventually(lambda: len(requests) > 1 and requests[1])
    assert headers["x-amz-sns-message-type"] == "Notification" and notification["Message"] == "hello"
    server.shutdown()


def test_mail_is_confirmed_by_its_link():
    sns = client("sns")
    arn = sns.create_topic(Name="boto-letter")["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="boto-reader@example.com")

    def mails():
        import here

        found = json.loads(fetch(f"{here.ENDPOINT}/_aws/ses")[2])["messages"]
        return [one for one in found if one["Destination"]["ToAddresses"] == ["boto-reader@example.com"]]

    (asked,) = eventually(mails)
    link = re.search(r"http\S+Action=ConfirmSubscription\S+", asked["Body"]["text_part"]).group(0)
    assert fetch(link)[0] == 200
    sns.publish(TopicArn=arn, Message="hello reader", Subject="Letter")
    sent = eventually(lambda: len(mails()) > 1 and mails()[1])
    assert sent["Subject"] == "Letter" and "hello reader" in sent["Body"]["text_part"]


def test_a_fifo_topic_keeps_order():
    sns = client("sns")
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    arn = sns.create_topic(Name="boto-line.fifo", Attributes=attributes)["TopicArn"]
    queue = resource("sqs").create_queue(QueueName="boto-line.fifo", Attributes={"FifoQueue": "true"})
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.attributes["QueueArn"], Attributes={"RawMessageDelivery": "true"})
    for text in ("one", "two", "two", "three"):
        sns.publish(TopicArn=arn, Message=text, MessageGroupId="g")
    got = [message.body for message in queue.receive_messages(MaxNumberOfMessages=10)]
    assert got == ["one", "two", "three"], got
