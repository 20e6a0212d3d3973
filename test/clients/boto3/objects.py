"""S3: objects, pages, transfers in parts, presigned addresses, forms, websites."""
import io
import json
import os
import threading
import urllib.parse
import uuid

from boto3.s3.transfer import TransferConfig
from here import client, fetch, refused, resource

MIB = 1024 * 1024


def bucket(name):
    client("s3").create_bucket(Bucket=name)
    return resource("s3").Bucket(name)


def test_objects_come_back_as_they_went():
    s3 = client("s3")
    bucket("boto-objects")
    put = s3.put_object(
        Bucket="boto-objects", Key="a/ü +&?.txt", Body=b"hello", ContentType="text/plain", Metadata={"colour": "blue"}
    )
    got = s3.get_object(Bucket="boto-objects", Key="a/ü +&?.txt")
    assert got["Body"].read() == b"hello"
    assert (got["ContentType"], got["Metadata"], got["ETag"]) == ("text/plain", {"colour": "blue"}, put["ETag"])
    part = s3.get_object(Bucket="boto-objects", Key="a/ü +&?.txt", Range="bytes=1-2")
    assert (part["Body"].read(), part["ContentRange"]) == (b"el", "bytes 1-2/5")
    refused("InvalidRange", s3.get_object, Bucket="boto-objects", Key="a/ü +&?.txt", Range="bytes=9-")
    refused("304", s3.get_object, Bucket="boto-objects", Key="a/ü +&?.txt", IfNoneMatch=put["ETag"])
    refused("PreconditionFailed", s3.get_object, Bucket="boto-objects", Key="a/ü +&?.txt", IfMatch='"other"')
    s3.copy_object(Bucket="boto-objects", Key="copy", CopySource={"Bucket": "boto-objects", "Key": "a/ü +&?.txt"})
    head = s3.head_object(Bucket="boto-objects", Key="copy")
    assert (head["ContentLength"], head["Metadata"]) == (5, {"colour": "blue"})
    s3.put_object_tagging(Bucket="boto-objects", Key="copy", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    assert s3.get_object_tagging(Bucket="boto-objects", Key="copy")["TagSet"] == [{"Key": "k", "Value": "v"}]
    s3.get_waiter("object_exists").wait(Bucket="boto-objects", Key="copy")
    s3.delete_object(Bucket="boto-objects", Key="copy")
    s3.get_waiter("object_not_exists").wait(Bucket="boto-objects", Key="copy")


def test_errors_have_their_codes():
    s3 = client("s3")
    bucket("boto-errors").put_object(Key="k", Body=b"")
    error = refused("NoSuchKey", s3.get_object, Bucket="boto-errors", Key="none")
    assert isinstance(error, s3.exceptions.NoSuchKey) and error.response["Error"]["Key"] == "none"
    assert error.response["ResponseMetadata"]["RequestId"] and error.response["ResponseMetadata"]["HostId"]
    refused("404", s3.head_object, Bucket="boto-errors", Key="none")
    refused("404", s3.head_bucket, Bucket="boto-none")
    refused("NoSuchBucket", s3.list_objects_v2, Bucket="boto-none")
    refused("BucketNotEmpty", s3.delete_bucket, Bucket="boto-errors")
    refused("NoSuchBucketPolicy", s3.get_bucket_policy, Bucket="boto-errors")
    refused("NoSuchWebsiteConfiguration", s3.get_bucket_website, Bucket="boto-errors")
    refused("NotImplemented", s3.put_bucket_accelerate_configuration, Bucket="boto-errors", AccelerateConfiguration={})
    where = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="boto-elsewhere", CreateBucketConfiguration=where)
    assert s3.get_bucket_location(Bucket="boto-elsewhere")["LocationConstraint"] == "eu-west-1"
    assert s3.get_bucket_location(Bucket="boto-errors")["LocationConstraint"] is None


def test_lists_come_in_pages():
    s3 = client("s3")
    made = bucket("boto-pages")
    keys = sorted(f"{folder}/{number:02}" for folder in "abc" for number in range(9))
    for key in keys:
        made.put_object(Key=key, Body=b"x")
    for operation in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(operation).paginate(Bucket="boto-pages", PaginationConfig={"PageSize": 10}))
        assert [len(page["Contents"]) for page in pages] == [10, 10, 7]
        assert [item["Key"] for page in pages for item in page["Contents"]] == keys
        folders = s3.get_paginator(operation).paginate(
            Bucket="boto-pages", Delimiter="/", PaginationConfig={"PageSize": 2}
        )
        assert [found["Prefix"] for found in folders.search("CommonPrefixes")] == ["a/", "b/", "c/"]
    assert [item.key for item in made.objects.filter(Prefix="b/0", Marker="b/06")] == ["b/07", "b/08"]
    deleted = made.objects.all().delete()
    assert sum(len(answer["Deleted"]) for answer in deleted) == 27
    made.delete()
    s3.get_waiter("bucket_not_exists").wait(Bucket="boto-pages")


def test_large_files_travel_in_parts():
    s3 = client("s3")
    made = bucket("boto-large")
    content = os.urandom(20 * MIB)
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=6 * MIB, max_concurrency=4)
    seen, lock = [], threading.Lock()

    def progress(count):
        with lock:
            seen.append(count)

    s3.upload_fileobj(io.BytesIO(content), "boto-large", "big", Config=config, Callback=progress)
    assert sum(seen) == len(content)
    head = s3.head_object(Bucket="boto-large", Key="big")
    assert head["ContentLength"] == len(content) and head["ETag"].endswith('-4"')
    back = io.BytesIO()
    s3.download_fileobj("boto-large", "big", back, Config=config)
    assert back.getvalue() == content
    made.Object("copied").copy({"Bucket": "boto-large", "Key": "big"}, Config=config)
    assert made.Object("copied").content_length == len(content)

    upload = s3.create_multipart_upload(Bucket="boto-large", Key="left")["UploadId"]
    which = {"Bucket": "boto-large", "Key": "left", "UploadId": upload}
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**which, PartNumber=number, Body=b"x" * 10)["ETag"]}
        for number in (1, 2, 3)
    ]
    listed = s3.get_paginator("list_parts").paginate(**which, PaginationConfig={"PageSize": 2})
    assert [part["PartNumber"] for part in listed.search("Parts")] == [1, 2, 3]
    refused("EntityTooSmall", s3.complete_multipart_upload, **which, MultipartUpload={"Parts": parts})
    refused("InvalidPartOrder", s3.complete_multipart_upload, **which, MultipartUpload={"Parts": parts[::-1]})
    s3.abort_multipart_upload(**which)
    refused("NoSuchUpload", s3.abort_multipart_upload, **which)


def test_presigned_addresses_let_anybody_in():
    bucket("boto-presigned")
    for version in ("s3", "s3v4", None):
        s3 = client("s3", **({"signature_version": version} if version else {}))
        key = f"by {version}.txt"
        put = s3.generate_presigned_url(
            "put_object", Params={"Bucket": "boto-presigned", "Key": key, "ContentType": "text/plain"}
        )
        assert fetch(put, b"sent", "PUT", {"Content-Type": "text/plain"})[0] == 200
        get = s3.generate_presigned_url(
            "get_object",
            Params={"Bucket": "boto-presigned", "Key": key, "ResponseContentDisposition": "attachment"},
            ExpiresIn=60,
        )
        status, headers, body = fetch(get)
        assert (status, headers["Content-Disposition"], body) == (200, "attachment", b"sent")


def test_forms_post_objects():
    s3 = client("s3")
    bucket("boto-forms")
    form = s3.generate_presigned_post(
        "boto-forms", "in/${filename}", Conditions=[["content-length-range", 1, 10]], ExpiresIn=60
    )

    def post(content):
        edge = uuid.uuid4().hex
        fields = "".join(
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in form["fields"].items()
        )
        file = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="f.txt"\r\n\r\n'
        body = fields.encode() + file.encode() + content + f"\r\n--{edge}--\r\n".encode()
        return fetch(form["url"], body, "POST", {"Content-Type": f"multipart/form-data; boundary={edge}"})

    assert post(b"few")[0] == 204
    assert s3.get_object(Bucket="boto-forms", Key="in/f.txt")["Body"].read() == b"few"
    status, _, body = post(b"more than ten")
    assert status == 400 and b"EntityTooLarge" in body, body


def test_a_website_is_open_to_everybody():
    s3 = client("s3")
    made = bucket("boto-site")
    made.put_object(Key="index.html", Body=b"<p>home", ContentType="text/html")
    made.put_object(Key="404.html", Body=b"<p>lost", ContentType="text/html")
    s3.put_bucket_website(
        Bucket="boto-site",
        WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "404.html"}},
    )
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::boto-site/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    refused("AccessDenied", s3.put_bucket_policy, Bucket="boto-site", Policy=policy)
    s3.delete_public_access_block(Bucket="boto-site")
    s3.put_bucket_policy(Bucket="boto-site", Policy=policy)
    assert json.loads(s3.get_bucket_policy(Bucket="boto-site")["Policy"])["Statement"] == [statement]
    assert s3.get_bucket_policy_status(Bucket="boto-site")["PolicyStatus"]["IsPublic"] is True
    site = f"{s3.meta.endpoint_url}/_aws/s3-website/boto-site/"
    assert fetch(site)[::2] == (200, b"<p>home")
    assert fetch(site + "none")[::2] == (404, b"<p>lost")
    assert fetch(f"{s3.meta.endpoint_url}/boto-site/" + urllib.parse.quote("index.html"))[0] == 200


def test_versions_are_kept_or_refused_by_name():
    s3 = client("s3")
    bucket("boto-versions")
    assert "Status" not in s3.get_bucket_versioning(Bucket="boto-versions")
    s3.put_bucket_versioning(Bucket="boto-versions", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="boto-versions", Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket="boto-versions", Key="k", Body=b"2")
    s3.delete_object(Bucket="boto-versions", Key="k")
    refused("NoSuchKey", s3.get_object, Bucket="boto-versions", Key="k")
    assert s3.get_object(Bucket="boto-versions", Key="k", VersionId=first)["Body"].read() == b"1"
    pages = list(s3.get_paginator("list_object_versions").paginate(Bucket="boto-versions"))
    assert [len(pages[0][kind]) for kind in ("Versions", "DeleteMarkers")] == [2, 1]
    resource("s3").Bucket("boto-versions").object_versions.delete()
    s3.delete_bucket(Bucket="boto-versions")


def test_changes_are_told_to_a_queue():
    s3 = client("s3")
    s3.create_bucket(Bucket="boto-told")
    queue = resource("sqs").create_queue(QueueName="boto-told")
    rule = {
        "Id": "pictures",
        "QueueArn": queue.attributes["QueueArn"],
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".jpg"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket="boto-told", NotificationConfiguration={"QueueConfigurations": [rule]}
    )
    shown = s3.get_bucket_notification_configuration(Bucket="boto-told")["QueueConfigurations"]
    rule["Filter"]["Key"]["FilterRules"] = [{"Name": "Prefix", "Value": "in/"}, {"Name": "Suffix", "Value": ".jpg"}]
    assert shown == [rule], shown
    s3.put_object(Bucket="boto-told", Key="out/a.jpg", Body=b"x")
    s3.upload_fileobj(io.BytesIO(b"\xff" * (9 << 20)), "boto-told", "in/a b.jpg")
    s3.delete_object(Bucket="boto-told", Key="in/a b.jpg")
    told = [json.loads(message.body) for message in queue.receive_messages(MaxNumberOfMessages=10)]
    assert told[0]["Event"] == "s3:TestEvent"
    events = [record for message in told[1:] for record in message["Records"]]
    assert [(one["eventName"], one["s3"]["object"]["key"]) for one in events] == [
        ("ObjectCreated:CompleteMultipartUpload", "in/a+b.jpg"),
        ("ObjectRemoved:Delete", "in/a+b.jpg"),
    ]
    assert events[0]["s3"]["object"]["size"] == 9 << 20
    assert events[0]["s3"]["object"]["sequencer"] < events[1]["s3"]["object"]["sequencer"]
    rule["QueueArn"] += "-missing"
    refused(
        "InvalidArgument",
        s3.put_bucket_notification_configuration,
        Bucket="boto-told",
        NotificationConfiguration={"QueueConfigurations": [rule]},
    )
