"""EventBridge: buses, rules, patterns, transformed input, entries that fail in part."""
import json

from here import ACCOUNT, client, eventually, refused, resource


def queue(name):
    made = resource("sqs").create_queue(QueueName=name)
    return made, f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"


def test_events_reach_the_targets_whose_pattern_they_match():
    events = client("events")
    target, arn = queue("boto-rules")
    bus = events.create_event_bus(Name="boto", Tags=[{"Key": "a", "Value": "b"}])["EventBusArn"]
    assert events.list_tags_for_resource(ResourceARN=bus)["Tags"] == [{"Key": "a", "Value": "b"}]
    pattern = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 10]}], "id": [{"wildcard": "o-*-x"}]}}
    rule = events.put_rule(Name="big", EventBusName="boto", EventPattern=json.dumps(pattern))["RuleArn"]
    put = events.put_targets(
        Rule="big",
        EventBusName="boto",
        Targets=[
            {
                "Id": "q",
                "Arn": arn,
                "InputTransformer": {
                    "InputPathsMap": {"id": "$.detail.id"},
                    "InputTemplate": '{"order": <id>, "by": "<aws.events.rule-name>"}',
                },
            }
        ],
    )
    assert put["FailedEntryCount"] == 0
    entry = {"Source": "shop", "DetailType": "order", "EventBusName": "boto"}
    sent = events.put_events(
        Entries=[
            {**entry, "Detail": json.dumps({"total": 11, "id": "o-1-x"})},
            {**entry, "Detail": json.dumps({"total": 9, "id": "o-2-x"})},
            {**entry, "Detail": "{"},
        ]
    )
    assert sent["FailedEntryCount"] == 1 and sent["Entries"][2]["ErrorCode"] == "MalformedDetail"
    (message,) = eventually(lambda: target.receive_messages(WaitTimeSeconds=5))
    assert json.loads(message.body) == {"order": "o-1-x", "by": "big"}
    assert [r["Arn"] for p in events.get_paginator("list_rules").paginate(EventBusName="boto") for r in p["Rules"]] == [rule]
    refused("ValidationException", events.delete_rule, Name="big", EventBusName="boto")
    events.remove_targets(Rule="big", EventBusName="boto", Ids=["q"])
    events.delete_rule(Name="big", EventBusName="boto")
    events.delete_event_bus(Name="boto")
    refused("ResourceNotFoundException", events.describe_event_bus, Name="boto")


def test_patterns_are_checked_and_tried():
    events = client("events")
    error = refused("InvalidEventPatternException", events.put_rule, Name="bad", EventPattern='{"source":"shop"}')
    assert error.response["Error"]["Message"] == 'Event pattern is not valid. Reason: "source" must be an object or an array'
    event = {"id": "1", "account": "1", "source": "s", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": [], "detail-type": "d"}
    assert events.test_event_pattern(EventPattern='{"source":[{"anything-but":{"prefix":"x"}}]}', Event=json.dumps(event))["Result"]
