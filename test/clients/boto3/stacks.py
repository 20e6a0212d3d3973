"""CloudFormation: stacks made, changed, refused, rolled back and deleted, and what their waiters see."""
import json

from botocore.exceptions import WaiterError
from here import client, eventually, refused, resource


def template(delay, **more):
    return json.dumps(
        {
            "Parameters": {"Name": {"Type": "String"}},
            "Resources": {
                "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "Name"}, "DelaySeconds": delay}},
                **more,
            },
            "Outputs": {"Url": {"Value": {"Ref": "Queue"}, "Export": {"Name": "boto-url"}}},
        }
    )


NAME = [{"ParameterKey": "Name", "ParameterValue": "boto-stack"}]
QUICK = {"Delay": 1, "MaxAttempts": 60}


def test_a_stack_lives_and_dies():
    cloud = client("cloudformation")
    cloud.create_stack(StackName="boto", TemplateBody=template(0), Parameters=NAME, Tags=[{"Key": "k", "Value": "v"}])
    cloud.get_waiter("stack_create_complete").wait(StackName="boto", WaiterConfig=QUICK)
    stack = resource("cloudformation").Stack("boto")
    assert (stack.stack_status, stack.tags) == ("CREATE_COMPLETE", [{"Key": "k", "Value": "v"}])
    url = stack.outputs[0]["OutputValue"]
    assert [one["Name"] for one in cloud.list_exports()["Exports"]] == ["boto-url"]
    error = refused(
        "ValidationError", cloud.update_stack, StackName="boto", TemplateBody=template(0), Parameters=NAME
    )
    assert error.response["Error"]["Message"] == "No updates are to be performed."
    cloud.update_stack(StackName="boto", TemplateBody=template(7), Parameters=NAME)
    cloud.get_waiter("stack_update_complete").wait(StackName="boto", WaiterConfig=QUICK)
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"]
    assert attributes == {"DelaySeconds": "7"}

    cloud.create_change_set(
        StackName="boto", ChangeSetName="more", TemplateBody=template(7, Dead={"Type": "AWS::SQS::Queue"}), Parameters=NAME
    )
    cloud.get_waiter("change_set_create_complete").wait(StackName="boto", ChangeSetName="more", WaiterConfig=QUICK)
    (change,) = cloud.describe_change_set(StackName="boto", ChangeSetName="more")["Changes"]
    assert (change["ResourceChange"]["Action"], change["ResourceChange"]["LogicalResourceId"]) == ("Add", "Dead")
    cloud.execute_change_set(StackName="boto", ChangeSetName="more")
    cloud.get_waiter("stack_update_complete").wait(StackName="boto", WaiterConfig=QUICK)
    listed = cloud.get_paginator("list_stack_resources").paginate(StackName="boto")
    assert set(listed.search("StackResourceSummaries[].LogicalResourceId")) == {"Queue", "Dead"}
    events = list(cloud.get_paginator("describe_stack_events").paginate(StackName="boto").search("StackEvents"))
    assert events[-1]["ResourceStatus"] == "CREATE_IN_PROGRESS" and events[0]["ResourceStatus"] == "UPDATE_COMPLETE"
    cloud.delete_stack(StackName="boto")
    cloud.get_waiter("stack_delete_complete").wait(StackName="boto", WaiterConfig=QUICK)
    refused("AWS.SimpleQueueService.NonExistentQueue", client("sqs").get_queue_url, QueueName="boto-stack")
    error = refused("ValidationError", cloud.describe_stacks, StackName="boto")
    assert error.response["Error"]["Message"] == "Stack with id boto does not exist"


def test_what_fails_is_rolled_back():
    cloud = client("cloudformation")
    client("sqs").create_queue(QueueName="boto-taken", Attributes={"DelaySeconds": "1"})
    taken = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "boto-taken", "DelaySeconds": 2}}
    parameters = [{"ParameterKey": "Name", "ParameterValue": "boto-first"}]
    cloud.create_stack(
        StackName="boto-fails", TemplateBody=template(0, Taken={**taken, "DependsOn": "Queue"}), Parameters=parameters
    )
    try:
        cloud.get_waiter("stack_create_complete").wait(StackName="boto-fails", WaiterConfig=QUICK)
        raise AssertionError("the stack was made")
    except WaiterError as error:
        assert error.last_response["Stacks"][0]["StackStatus"].startswith("ROLLBACK"), error
    stack = resource("cloudformation").Stack("boto-fails")
    eventually(lambda: stack.reload() or stack.stack_status == "ROLLBACK_COMPLETE")
    events = cloud.describe_stack_events(StackName="boto-fails")["StackEvents"]
    (failed,) = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Taken" and "already exists" in failed["ResourceStatusReason"], failed
    refused("AWS.SimpleQueueService.NonExistentQueue", client("sqs").get_queue_url, QueueName="boto-first")


def test_what_cannot_be_is_refused_by_name():
    cloud = client("cloudformation")
    unknown = json.dumps({"Resources": {"X": {"Type": "AWS::Nothing::AtAll"}}})
    error = refused("ValidationError", cloud.create_stack, StackName="boto-unknown", TemplateBody=unknown)
    assert "AWS::Nothing::AtAll" in error.response["Error"]["Message"]
    refused("ValidationError", cloud.validate_template, TemplateBody="{")
    refused("ValidationError", cloud.create_stack, StackName="1", TemplateBody=template(0))
    role = json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": {}}}}})
    refused("InsufficientCapabilitiesException", cloud.create_stack, StackName="boto-role", TemplateBody=role)
    found = cloud.validate_template(TemplateBody=role)
    assert found["Capabilities"] == ["CAPABILITY_IAM"]
