"""EventBridge Scheduler: schedules of both kinds of target, groups, pages."""
import json

from here import ACCOUNT, client, eventually, refused, resource

ROLE = f"arn:aws:iam::{ACCOUNT}:role/boto-scheduler"


def test_schedules_call_what_they_target():
    scheduler = client("scheduler")
    queue = resource("sqs").create_queue(QueueName="boto-schedules")
    group = scheduler.create_schedule_group(Name="boto", Tags=[{"Key": "a", "Value": "b"}])["ScheduleGroupArn"]
    assert scheduler.list_tags_for_resource(ResourceArn=group)["Tags"] == [{"Key": "a", "Value": "b"}]
    common = {"GroupName": "boto", "FlexibleTimeWindow": {"Mode": "OFF"}}
    scheduler.create_schedule(
        Name="templated",
        ScheduleExpression="rate(1 hour)",
        Target={"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:boto-schedules", "RoleArn": ROLE, "Input": "by <aws.scheduler.schedule-arn>"},
        **common,
    )
    body = {"QueueUrl": queue.url, "MessageBody": "universal"}
    scheduler.create_schedule(
        Name="universal",
        ScheduleExpression="rate(1 hour)",
        Target={"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage", "RoleArn": ROLE, "Input": json.dumps(body)},
        **common,
    )
    got = []

    def both():
        got.extend(message.body for message in queue.receive_messages(WaitTimeSeconds=1))
        return len(got) == 2

    eventually(both)
    assert sorted(got) == [f"by arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/boto/templated", "universal"]
    pages = scheduler.get_paginator("list_schedules").paginate(GroupName="boto", PaginationConfig={"PageSize": 1})
    assert [one["Name"] for page in pages for one in page["Schedules"]] == ["templated", "universal"]
    found = scheduler.get_schedule(Name="universal", GroupName="boto")
    assert found["State"] == "ENABLED" and found["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185
    refused("ConflictException", scheduler.create_schedule, Name="universal", ScheduleExpression="rate(1 hour)", Target=found["Target"], **common)
    scheduler.delete_schedule_group(Name="boto")
    eventually(lambda: "boto" not in [one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]])
    refused("ResourceNotFoundException", scheduler.get_schedule, Name="universal", GroupName="boto")
