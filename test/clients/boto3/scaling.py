"""Streams that feed functions, and capacity that follows its metrics."""
import json

from here import ACCOUNT, REGION, client, eventually, refused, zipped
from functions import function

COUNT = """
import json

def handler(event, context):
    for record in event["Records"]:
        print("changed", record["eventName"], record["dynamodb"]["Keys"]["id"]["S"])
    return {"batchItemFailures": []}
"""


def table(name, **more):
    made = client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        **more,
    )
    return made["TableDescription"]


def test_a_function_is_fed_from_a_stream():
    lambda_, logs = client("lambda"), client("logs")
    arn = table(
        "boto-fed",
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )["LatestStreamArn"]
    function("boto-counter", code=zipped(index__py=COUNT))
    mapping = lambda_.create_event_source_mapping(
        FunctionName="boto-counter",
        EventSourceArn=arn,
        StartingPosition="LATEST",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        FilterCriteria={"Filters": [{"Pattern": json.dumps({"eventName": ["INSERT"]})}]},
        MaximumRetryAttempts=2,
    )
    assert (mapping["StartingPosition"], mapping["BatchSize"], mapping["MaximumRetryAttempts"]) == ("LATEST", 100, 2)
    for id in ["a", "b", "c"]:
        client("dynamodb").put_item(TableName="boto-fed", Item={"id": {"S": id}})
    client("dynamodb").delete_item(TableName="boto-fed", Key={"id": {"S": "a"}})

    def heard():
        try:
            events = logs.filter_log_events(logGroupName="/aws/lambda/boto-counter", filterPattern="changed")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        lines = sorted(event["message"].strip() for event in events)
        return lines if len(lines) >= 3 else None

    assert eventually(heard) == ["changed INSERT a", "changed INSERT b", "changed INSERT c"]
    refused(
        "InvalidParameterValueException",
        lambda_.create_event_source_mapping,
        FunctionName="boto-counter",
        EventSourceArn=arn,
        StartingPosition="AT_TIMESTAMP",
        StartingPositionTimestamp=0,
    )
    lambda_.delete_event_source_mapping(UUID=mapping["UUID"])


def test_capacity_is_brought_within_its_limits():
    table("boto-scaled", ProvisionedThroughput={"ReadCapacityUnits": 2, "WriteCapacityUnits": 2})
    scaling = client("application-autoscaling")
    target = {
        "ServiceNamespace": "dynamodb",
        "ResourceId": "table/boto-scaled",
        "ScalableDimension": "dynamodb:table:ReadCapacityUnits",
    }
    arn = scaling.register_scalable_target(**target, MinCapacity=5, MaxCapacity=50)["ScalableTargetARN"]

    def capacity():
        throughput = client("dynamodb").describe_table(TableName="boto-scaled")["Table"]["ProvisionedThroughput"]
        return throughput["ReadCapacityUnits"] == 5

    assert eventually(capacity)
    policy = scaling.put_scaling_policy(
        **target,
        PolicyName="reads",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": 70.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"},
        },
    )
    names = [alarm["AlarmName"] for alarm in policy["Alarms"]]
    alarms = client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert sorted(alarm["Threshold"] for alarm in alarms) == [189.0, 210.0], alarms
    (activity,) = scaling.describe_scaling_activities(ServiceNamespace="dynamodb", ResourceId="table/boto-scaled")[
        "ScalingActivities"
    ]
    assert activity["Cause"] == "minimum capacity was set to 5", activity
    scaling.put_scheduled_action(
        **target,
        ScheduledActionName="day",
        Schedule="cron(0 8 ? * MON-FRI *)",
        Timezone="Europe/Berlin",
        ScalableTargetAction={"MinCapacity": 10},
    )
    scaling.tag_resource(ResourceARN=arn, Tags={"team": "blue"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "blue"}
    assert f":{REGION}:{ACCOUNT}:" in arn
    scaling.deregister_scalable_target(**target)
    assert client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"] == []
    refused("ObjectNotFoundException", scaling.deregister_scalable_target, **target)
