/** Scalable targets and policies of stacks: made, changed, deleted. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";

const template = (more: { max?: number; actions?: object[]; target?: number; policy?: boolean }) => ({
  Resources: {
    Table: {
      Type: "AWS::DynamoDB::Table",
      Properties: {
        TableName: "orders",
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 5 },
      },
    },
    Target: {
      Type: "AWS::ApplicationAutoScaling::ScalableTarget",
      Properties: {
        ServiceNamespace: "dynamodb",
        ResourceId: { "Fn::Sub": "table/${Table}" },
        ScalableDimension: "dynamodb:table:WriteCapacityUnits",
        MinCapacity: "5",
        MaxCapacity: more.max ?? 10,
        ScheduledActions: more.actions ?? [],
      },
    },
    ...(more.policy === false
      ? {}
      : {
          Policy: {
            Type: "AWS::ApplicationAutoScaling::ScalingPolicy",
            Properties: {
              PolicyName: "writes",
              PolicyType: "TargetTrackingScaling",
              ScalingTargetId: { Ref: "Target" },
              TargetTrackingScalingPolicyConfiguration: {
                TargetValue: more.target ?? 70,
                PredefinedMetricSpecification: { PredefinedMetricType: "DynamoDBWriteCapacityUtilization" },
              },
            },
          },
        }),
  },
  Outputs: { Target: { Value: { Ref: "Target" } } },
});

async function deploy(platform: TestPlatform, operation: "CreateStack" | "UpdateStack", body: object): Promise<string> {
  await platform.call("cloudformation", operation, { StackName: "app", TemplateBody: JSON.stringify(body) });
  for (let turn = 0; turn < 50; turn++) {
    await platform.advance(1000);
    const [stack] = (await platform.call("cloudformation", "DescribeStacks", { StackName: "app" })).Stacks!;
    if (!stack!.StackStatus!.endsWith("_IN_PROGRESS"))
      return `${stack!.StackStatus} ${stack!.Outputs?.[0]?.OutputValue}`;
  }
  throw new Error("the stack never ends");
}

test("a target with its scheduled actions and a policy", async () => {
  const platform = await openTestPlatform({ nowMs: Date.UTC(2026, 0, 1) });
  try {
    const night = {
      ScheduledActionName: "night",
      Schedule: "cron(0 22 * * ? *)",
      ScalableTargetAction: { MinCapacity: 5 },
    };
    const day = {
      ScheduledActionName: "day",
      Schedule: "cron(0 8 * * ? *)",
      Timezone: "Europe/Berlin",
      StartTime: "2026-02-01T00:00:00Z",
      ScalableTargetAction: { MinCapacity: 8 },
    };
    assert.equal(
      await deploy(platform, "CreateStack", template({ actions: [night, day] })),
      "CREATE_COMPLETE table/orders|dynamodb:table:WriteCapacityUnits|dynamodb",
    );
    const actions = async () =>
      (
        await platform.call("applicationautoscaling", "DescribeScheduledActions", { ServiceNamespace: "dynamodb" })
      ).ScheduledActions!.map(({ ScheduledActionName, Timezone, StartTime }) => [
        ScheduledActionName,
        Timezone,
        StartTime?.toISOString(),
      ]);
    assert.deepEqual(await actions(), [
      ["day", "Europe/Berlin", "2026-02-01T00:00:00.000Z"],
      ["night", "UTC", undefined],
    ]);
    const alarms = async () =>
      (await platform.call("cloudwatch", "DescribeAlarms", {})).MetricAlarms!.map(({ Threshold }) => Threshold).sort();
    // 70 % of 5 units for a minute, and nine tenths of that.
    assert.deepEqual(await alarms(), [189, 210]);

    assert.match(
      await deploy(platform, "UpdateStack", template({ max: 20, actions: [night], target: 50 })),
      /^UPDATE_COMPLETE/,
    );
    assert.deepEqual(await actions(), [["night", "UTC", undefined]]);
    assert.deepEqual(await alarms(), [135, 150]);
    const targets = async () =>
      (await platform.call("applicationautoscaling", "DescribeScalableTargets", { ServiceNamespace: "dynamodb" }))
        .ScalableTargets!;
    assert.deepEqual([(await targets())[0]!.MinCapacity, (await targets())[0]!.MaxCapacity], [5, 20]);

    assert.match(await deploy(platform, "UpdateStack", template({ policy: false })), /^UPDATE_COMPLETE/);
    assert.deepEqual(await alarms(), []);
    await platform.call("cloudformation", "DeleteStack", { StackName: "app" });
    await platform.advance(10_000);
    assert.deepEqual(await targets(), []);
  } finally {
    await platform.close();
  }
});
