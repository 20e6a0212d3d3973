/** AWS::Events types, as stacks make, change and delete them. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { deploy, remove } from "../cloudformation/testing.ts";

let platform: TestPlatform;
beforeEach(async () => {
  platform = await openTestPlatform();
});
afterEach(() => platform.close());

const arn = (id: string) => ({ "Fn::GetAtt": [id, "Arn"] });
const template = (rule: object, more: object = {}) => ({
  Resources: {
    Queue: { Type: "AWS::SQS::Queue" },
    Bus: { Type: "AWS::Events::EventBus", Properties: { Name: "shop", Description: "of the shop" } },
    Policy: {
      Type: "AWS::Events::EventBusPolicy",
      Properties: {
        EventBusName: { Ref: "Bus" },
        StatementId: "them",
        Statement: { Effect: "Allow", Principal: "*", Action: "events:PutEvents", Resource: arn("Bus") },
      },
    },
    Rule: { Type: "AWS::Events::Rule", Properties: rule },
    ...more,
  },
  Outputs: { Rule: { Value: { Ref: "Rule" } }, Arn: { Value: arn("Rule") }, Bus: { Value: arn("Bus") } },
});

test("a bus, its policy and a rule are made, changed and deleted", async () => {
  const rule = {
    EventBusName: { Ref: "Bus" },
    EventPattern: { source: ["shop"] },
    Targets: [
      { Id: "a", Arn: arn("Queue") },
      { Id: "b", Arn: arn("Queue"), Input: "1" },
    ],
  };
  const made = await deploy(platform, template(rule));
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  const [busName, Name] = made.outputs["Rule"]!.split("|");
  assert.equal(busName, "shop");
  assert.equal(made.outputs["Arn"], `arn:aws:events:us-east-1:000000000000:rule/shop/${Name}`);
  const described = await platform.call("events", "DescribeRule", { Name, EventBusName: "shop" });
  assert.equal(described.EventPattern, '{"source":["shop"]}');
  const { Policy } = await platform.call("events", "DescribeEventBus", { Name: "shop" });
  assert.equal((JSON.parse(Policy!) as { Statement: { Sid: string }[] }).Statement[0]!.Sid, "them");
  const { Tags } = await platform.call("events", "ListTagsForResource", { ResourceARN: made.outputs["Arn"] });
  assert.ok(Tags!.some(({ Key, Value }) => Key === "stack" && Value === "app"));

  const changed = await deploy(
    platform,
    template({ ...rule, State: "DISABLED", Targets: [{ Id: "b", Arn: arn("Queue"), Input: "2" }] }),
  );
  assert.equal(changed.status, "UPDATE_COMPLETE", changed.reason);
  assert.equal(changed.outputs["Rule"], made.outputs["Rule"]);
  const { Targets } = await platform.call("events", "ListTargetsByRule", { Rule: Name, EventBusName: "shop" });
  assert.deepEqual(
    Targets!.map(({ Id, Input }) => [Id, Input]),
    [["b", "2"]],
  );
  assert.equal((await platform.call("events", "DescribeRule", { Name, EventBusName: "shop" })).State, "DISABLED");

  await remove(platform);
  await assert.rejects(platform.call("events", "DescribeEventBus", { Name: "shop" }), {
    code: "ResourceNotFoundException",
  });
});

test("a schedule is replaced with its name, and what is not supported is refused by name", async () => {
  const made = await deploy(platform, template({ ScheduleExpression: "rate(1 hour)" }));
  assert.equal(made.status, "CREATE_COMPLETE", made.reason);
  const renamed = await deploy(platform, template({ ScheduleExpression: "rate(1 hour)", Name: "hourly" }));
  assert.equal(renamed.outputs["Rule"], "hourly");
  const { Rules } = await platform.call("events", "ListRules", {});
  assert.deepEqual(
    Rules!.map(({ Name }) => Name),
    ["hourly"],
  );
  await assert.rejects(
    deploy(platform, template({ Targets: [{ Id: "a", Arn: "x", BatchParameters: {} }] }), { StackName: "other" }),
    /BatchParameters/,
  );
});

test("a serverless function's rule invokes it", async () => {
  const { status, reason } = await deploy(platform, {
    Transform: "AWS::Serverless-2016-10-31",
    Resources: {
      Fn: {
        Type: "AWS::Serverless::Function",
        Properties: {
          InlineCode: "exports.handler = async () => 1",
          Handler: "index.handler",
          Runtime: "nodejs22.x",
          Events: {
            Rule: { Type: "EventBridgeRule", Properties: { Pattern: { source: ["shop"] } } },
            Tick: { Type: "Schedule", Properties: { Schedule: "rate(5 minutes)" } },
          },
        },
      },
    },
  });
  assert.equal(status, "CREATE_COMPLETE", reason);
  const { Rules } = await platform.call("events", "ListRules", {});
  assert.deepEqual(Rules!.map(({ ScheduleExpression }) => ScheduleExpression).sort(), ["rate(5 minutes)", undefined]);
});
