import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const QUEUE = { Type: "AWS::SQS::Queue" };
const arnOf = (name: string) => ({ "Fn::GetAtt": [name, "Arn"] });

async function deploy(platform: TestPlatform, operation: "CreateStack" | "UpdateStack", Resources: object) {
  const TemplateBody = JSON.stringify({ Resources, Outputs: { Topic: { Value: { Ref: "Topic" } } } });
  await platform.call("cloudformation", operation, { StackName: "s", TemplateBody });
  await platform.advance(60_000);
  const { Stacks } = await platform.call("cloudformation", "DescribeStacks", { StackName: "s" });
  assert.match(Stacks![0]!.StackStatus!, /^(CREATE|UPDATE)_COMPLETE$/, Stacks![0]!.StackStatusReason);
  return Stacks![0]!.Outputs![0]!.OutputValue!;
}

test("a topic, its subscriptions and its policy: made, changed, replaced, deleted", async () => {
  const platform = await openTestPlatform({ seed: 9 });
  try {
    const policy = (action: string) => ({
      Type: "AWS::SNS::TopicPolicy",
      Properties: {
        Topics: [{ Ref: "Topic" }],
        PolicyDocument: {
          Version: "2012-10-17",
          Statement: [{ Effect: "Allow", Principal: "*", Action: action, Resource: { Ref: "Topic" } }],
        },
      },
    });
    const TopicArn = await deploy(platform, "CreateStack", {
      One: QUEUE,
      Two: QUEUE,
      Topic: {
        Type: "AWS::SNS::Topic",
        Properties: {
          DisplayName: "First",
          Tags: [{ Key: "team", Value: "blue" }],
          Subscription: [{ Protocol: "sqs", Endpoint: arnOf("One") }],
        },
      },
      Policy: policy("sns:Publish"),
      Filtered: {
        Type: "AWS::SNS::Subscription",
        Properties: {
          TopicArn: { Ref: "Topic" },
          Protocol: "sqs",
          Endpoint: arnOf("Two"),
          FilterPolicy: { store: ["a"] },
          RawMessageDelivery: true,
        },
      },
    });
    const subscriptions = async () =>
      (await platform.call("sns", "ListSubscriptionsByTopic", { TopicArn })).Subscriptions!;
    const attributes = async () => (await platform.call("sns", "GetTopicAttributes", { TopicArn })).Attributes!;
    assert.equal((await subscriptions()).length, 2);
    assert.equal((await attributes()).DisplayName, "First");
    assert.equal(JSON.parse((await attributes()).Policy!).Statement[0].Action, "sns:Publish");

    const same = await deploy(platform, "UpdateStack", {
      One: QUEUE,
      Two: QUEUE,
      Topic: { Type: "AWS::SNS::Topic", Properties: { SignatureVersion: "2" } },
      Policy: policy("sns:Subscribe"),
      Filtered: {
        Type: "AWS::SNS::Subscription",
        Properties: {
          TopicArn: { Ref: "Topic" },
          Protocol: "sqs",
          Endpoint: arnOf("Two"),
          FilterPolicy: { order: { store: ["a"] } },
          FilterPolicyScope: "MessageBody",
        },
      },
    });
    assert.equal(same, TopicArn);
    const [left] = await subscriptions();
    assert.equal((await subscriptions()).length, 1, "the topic's own subscription is gone");
    const { Attributes } = await platform.call("sns", "GetSubscriptionAttributes", {
      SubscriptionArn: left!.SubscriptionArn!,
    });
    assert.equal(Attributes!.FilterPolicyScope, "MessageBody");
    assert.equal(Attributes!.RawMessageDelivery, "false");
    assert.equal((await attributes()).DisplayName, "");
    assert.equal((await attributes()).SignatureVersion, "2");

    const other = await deploy(platform, "UpdateStack", {
      Topic: { Type: "AWS::SNS::Topic", Properties: { TopicName: "named" } },
    });
    assert.match(other, /:named$/);
    await platform.call("cloudformation", "DeleteStack", { StackName: "s" });
    await platform.advance(60_000);
    assert.deepEqual((await platform.call("sns", "ListTopics", {})).Topics, []);
  } finally {
    await platform.close();
  }
});
