"""DynamoDB: the low-level client, and boto3's own tables with decimals, sets and bytes."""
import zlib
from decimal import Decimal

import here
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from here import client, fetch, refused, resource


def table(name):
    made = resource("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "customer", "KeyType": "HASH"}, {"AttributeName": "number", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "customer", "AttributeType": "S"},
            {"AttributeName": "number", "AttributeType": "N"},
            {"AttributeName": "state", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-state",
                "KeySchema": [
                    {"AttributeName": "state", "KeyType": "HASH"},
                    {"AttributeName": "number", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    made.wait_until_exists()
    return made


def test_items_keep_decimals_sets_and_bytes():
    orders = table("boto-items")
    item = {
        "customer": "ann",
        "number": Decimal("1.5"),
        "huge": Decimal("12345678901234567890123456789012345678"),
        "tiny": Decimal("-1E-130"),
        "numbers": {Decimal(1), Decimal("2.5")},
        "words": {"a", "b"},
        "blobs": {b"\x00", b"\xff"},
        "bytes": Binary(b"\x01\x02"),
        "nested": {"list": [None, True, {"deep": "ü"}], "empty": ""},
    }
    orders.put_item(Item=item)
    key = {"customer": "ann", "number": Decimal("1.5")}
    got = orders.get_item(Key=key, ConsistentRead=True)["Item"]
    assert got["blobs"] == {Binary(b"\x00"), Binary(b"\xff")} and {**got, "blobs": item["blobs"]} == item, got
    after = orders.update_item(
        Key=key,
        UpdateExpression="SET nested.#l[0] = :v, amount = if_not_exists(amount, :zero) + :n ADD words :w REMOVE tiny",
        ExpressionAttributeNames={"#l": "list"},
        ExpressionAttributeValues={":v": "first", ":zero": 0, ":n": 3, ":w": {"c"}},
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert (after["nested"]["list"][0], after["amount"], after["words"]) == ("first", 3, {"a", "b", "c"})
    assert "tiny" not in after
    gone = orders.delete_item(Key=key, ConditionExpression=Attr("amount").eq(3), ReturnValues="ALL_OLD")
    assert gone["Attributes"]["customer"] == "ann"
    assert "Item" not in orders.get_item(Key=key)


def test_queries_and_scans_come_in_pages():
    orders = table("boto-pages")
    with orders.batch_writer() as batch:
        for number in range(60):
            state = "open" if number % 3 == 0 else "done"
            batch.put_item(Item={"customer": f"c{number % 2}", "number": number, "state": state, "text": "x" * 50})
    found = orders.query(
        KeyConditionExpression=Key("customer").eq("c1") & Key("number").between(10, 20), ScanIndexForward=False
    )
    assert [int(item["number"]) for item in found["Items"]] == [19, 17, 15, 13, 11]
    paged = client("dynamodb").get_paginator("query").paginate(
        TableName="boto-pages",
        IndexName="by-state",
        KeyConditionExpression="#s = :s",
        ExpressionAttributeNames={"#s": "state"},
        ExpressionAttributeValues={":s": {"S": "open"}},
        PaginationConfig={"PageSize": 7},
    )
    pages = list(paged)
    assert [page["Count"] for page in pages] == [7, 7, 6] and "LastEvaluatedKey" not in pages[-1]
    assert [int(item["number"]["N"]) for page in pages for item in page["Items"]] == list(range(0, 60, 3))
    assert set(pages[0]["Items"][0]) == {"customer", "number", "state"}
    scan = client("dynamodb").get_paginator("scan")
    most = scan.paginate(TableName="boto-pages", PaginationConfig={"PageSize": 25, "MaxItems": 55}).build_full_result()
    resume = {"StartingToken": most["NextToken"]}
    rest = scan.paginate(TableName="boto-pages", PaginationConfig=resume).build_full_result()
    assert (len(most["Items"]), len(rest["Items"])) == (55, 5)
    matching = orders.scan(FilterExpression=Attr("number").gte(58) & Attr("text").begins_with("x"))
    assert (matching["Count"], matching["ScannedCount"]) == (2, 60)
    parts = [orders.scan(Segment=segment, TotalSegments=3)["Count"] for segment in range(3)]
    assert sum(parts) == 60
    names = client("dynamodb").get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
    assert {"boto-items", "boto-pages"} <= set(names.search("TableNames"))


def test_transactions_hold_or_fail_as_one():
    dynamodb = client("dynamodb")
    table("boto-transactions")

    def put(customer, **more):
        item = {"customer": {"S": customer}, "number": {"N": "1"}}
        return {"Put": {"TableName": "boto-transactions", "Item": item, **more}}

    once = {"ConditionExpression": "attribute_not_exists(customer)"}
    dynamodb.transact_write_items(TransactItems=[put("a", **once), put("b", **once)])
    error = refused(
        "TransactionCanceledException", dynamodb.transact_write_items, TransactItems=[put("c"), put("a", **once)]
    )
    assert [reason["Code"] for reason in error.response["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    gets = [
        {"Get": {"TableName": "boto-transactions", "Key": {"customer": {"S": name}, "number": {"N": "1"}}}}
        for name in "abc"
    ]
    found = dynamodb.transact_get_items(TransactItems=gets)["Responses"]
    assert ["Item" in answer for answer in found] == [True, True, False]


def test_errors_have_their_codes():
    dynamodb = client("dynamodb")
    orders = table("boto-errors")
    error = refused("ResourceNotFoundException", dynamodb.describe_table, TableName="none")
    assert isinstance(error, dynamodb.exceptions.ResourceNotFoundException)
    refused("ResourceInUseException", lambda: table("boto-errors"))
    orders.put_item(Item={"customer": "a", "number": 1})
    error = refused(
        "ConditionalCheckFailedException",
        orders.put_item,
        Item={"customer": "a", "number": 1},
        ConditionExpression=Attr("customer").not_exists(),
    )
    assert error.response["Error"]["Message"] == "The conditional request failed"
    refused("ValidationException", orders.put_item, Item={"customer": 1, "number": 1})
    refused("ValidationException", orders.get_item, Key={"customer": "a"})
    orders.delete()
    orders.wait_until_not_exists()


def test_answers_carry_their_checksum_and_usage():
    orders = table("boto-usage")
    answer = orders.put_item(Item={"customer": "a", "number": 1, "text": "x" * 1500}, ReturnConsumedCapacity="TOTAL")
    assert answer["ConsumedCapacity"] == {"TableName": "boto-usage", "CapacityUnits": 2.0}
    headers = {"Content-Type": "application/x-amz-json-1.0"}
    for target, expected in (("ListTables", 200), ("DescribeTable", 400)):
        headers["X-Amz-Target"] = f"DynamoDB_20120810.{target}"
        status, told, body = fetch(here.ENDPOINT, b"{}", "POST", headers)
        assert (status, int(told["x-amz-crc32"])) == (expected, zlib.crc32(body))


def test_a_stream_tells_what_changed():
    name = "boto-stream"
    made = resource("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    made.wait_until_exists()
    made.put_item(Item={"id": "a", "blob": Binary(b"\x00\x01")})
    made.update_item(Key={"id": "a"}, AttributeUpdates={"n": {"Value": 1}})
    made.delete_item(Key={"id": "a"})
    streams = client("dynamodbstreams")
    (found,) = streams.list_streams(TableName=name)["Streams"]
    assert found["StreamArn"] == made.latest_stream_arn, found
    told = []
    for shard in streams.describe_stream(StreamArn=found["StreamArn"])["StreamDescription"]["Shards"]:
        at = streams.get_shard_iterator(
            StreamArn=found["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        told += streams.get_records(ShardIterator=at)["Records"]
    assert [record["eventName"] for record in told] == ["INSERT", "MODIFY", "REMOVE"], told
    assert told[0]["dynamodb"]["NewImage"]["blob"] == {"B": b"\x00\x01"}, told[0]
    assert told[1]["dynamodb"]["OldImage"] == told[0]["dynamodb"]["NewImage"], told[1]
    assert "NewImage" not in told[2]["dynamodb"], told[2]
    refused("ValidationException", lambda: streams.get_records(ShardIterator="nonsense"))
