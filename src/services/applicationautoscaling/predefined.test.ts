/** Every predefined metric from where it is measured to the capacity that follows it: nothing stands in between but Virga itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { BALANCED, withBalancedService } from "../ecs/testing/balanced.ts";
import { fakePorts as fakeEcsPorts } from "../ecs/testing.ts";
import { fakePorts as fakeLambdaPorts } from "../lambda/testing.ts";
import type { InputOf } from "../service.ts";

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
const MIB = 1024 ** 2;

type Target = Pick<
  InputOf<"applicationautoscaling", "RegisterScalableTarget">,
  "ServiceNamespace" | "ResourceId" | "ScalableDimension"
>;

/** Keeps a target at its metric's value, within 1 and 10. */
async function track(
  platform: TestPlatform,
  target: Target,
  PredefinedMetricType: NonNullable<
    NonNullable<
      InputOf<"applicationautoscaling", "PutScalingPolicy">["TargetTrackingScalingPolicyConfiguration"]
    >["PredefinedMetricSpecification"]
  >["PredefinedMetricType"],
  TargetValue: number,
  ResourceLabel?: string,
): Promise<void> {
  await platform.call("applicationautoscaling", "RegisterScalableTarget", {
    ...target,
    MinCapacity: 1,
    MaxCapacity: 10,
  });
  await platform.call("applicationautoscaling", "PutScalingPolicy", {
    ...target,
    PolicyName: "tracks",
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue,
      ScaleOutCooldown: 300,
      ScaleInCooldown: 0,
      PredefinedMetricSpecification: { PredefinedMetricType, ...(ResourceLabel && { ResourceLabel }) },
    },
  });
}

for (const [type, busy, idle] of [
  ["ECSServiceAverageCPUUtilization", { cores: 0.25 }, { cores: 0.01 }],
  ["ECSServiceAverageMemoryUtilization", { memoryBytes: 512 * MIB }, { memoryBytes: 10 * MIB }],
] as const) {
  test(`${type}: tasks that use all they have are doubled, idle ones go`, async () => {
    const ecs = fakeEcsPorts();
    const platform = await openTestPlatform({ nowMs: START_MS, ports: { ecs } });
    try {
      await platform.call("ecs", "CreateCluster", { clusterName: "main" });
      await platform.call("ecs", "RegisterTaskDefinition", {
        family: "web",
        networkMode: "awsvpc",
        requiresCompatibilities: ["FARGATE"],
        cpu: "256",
        memory: "512",
        containerDefinitions: [{ name: "web", image: "web:1" }],
      });
      await platform.call("ecs", "CreateService", {
        cluster: "main",
        serviceName: "shop",
        taskDefinition: "web",
        desiredCount: 2,
        launchType: "FARGATE",
        networkConfiguration: { awsvpcConfiguration: { subnets: ["subnet-1"] } },
      });
      await track(platform, BALANCED, type, 50);
      await platform.advance(1000);
      const use = (what: object) => {
        for (const container of ecs.engine.live()) Object.assign(container, what);
      };
      use(busy);
      await platform.advance(4 * MINUTE_MS);
      assert.equal(ecs.engine.live().length, 4);
      use(idle);
      await platform.advance(17 * MINUTE_MS);
      assert.equal(ecs.engine.live().length, 1);
    } finally {
      await platform.close();
    }
  });
}

test("ALBRequestCountPerTarget: as many tasks as keep each at its share of the requests", () =>
  withBalancedService(async ({ platform, engine, resourceLabel, ask, during, setDesired }) => {
    await track(platform, BALANCED, "ALBRequestCountPerTarget", 10, resourceLabel);
    await setDesired(1);
    await during(ask());
    // Thirty requests a minute are three times what one task is to answer.
    for (let minute = 0; minute < 5; minute++) {
      for (let turn = 0; turn < 3; turn++) {
        const { result } = await during(Promise.all(Array.from({ length: 10 }, () => ask())));
        assert.ok(result.every(({ status }) => status === 200));
        await platform.advance(MINUTE_MS / 3);
      }
    }
    assert.equal(engine.live().length, 3);
  }));

test("LambdaProvisionedConcurrencyUtilization: an alias whose workers are all busy gets more", async () => {
  const lambda = fakeLambdaPorts();
  const platform = await openTestPlatform({ nowMs: START_MS, ports: { lambda } });
  try {
    const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
    await platform.call("iam", "CreateRole", {
      RoleName: "worker",
      AssumeRolePolicyDocument: JSON.stringify({ Version: "2012-10-17", Statement: [trust] }),
    });
    await platform.call("lambda", "CreateFunction", {
      FunctionName: "worker",
      Role: "arn:aws:iam::000000000000:role/worker",
      Runtime: "nodejs22.x",
      Handler: "index.handler",
      Code: { ZipFile: Buffer.from("zip") },
      Publish: true,
    });
    await platform.call("lambda", "CreateAlias", { FunctionName: "worker", Name: "live", FunctionVersion: "1" });
    const at = { FunctionName: "worker", Qualifier: "live" };
    await platform.call("lambda", "PutProvisionedConcurrencyConfig", { ...at, ProvisionedConcurrentExecutions: 1 });
    const target: Target = {
      ServiceNamespace: "lambda",
      ResourceId: "function:worker:live",
      ScalableDimension: "lambda:function:ProvisionedConcurrency",
    };
    await track(platform, target, "LambdaProvisionedConcurrencyUtilization", 0.5);
    for (let minute = 0; minute < 5; minute++) {
      // The host has initialised what it was told to.
      for (const [of, provision] of lambda.provisions)
        lambda.provisions.set(of, { ...provision, allocated: provision.wanted });
      await platform.call("lambda", "Invoke", at);
      await platform.advance(MINUTE_MS);
    }
    const config = await platform.call("lambda", "GetProvisionedConcurrencyConfig", at);
    assert.equal(config.RequestedProvisionedConcurrentExecutions, 2);
  } finally {
    await platform.close();
  }
});

for (const [unit, request] of [
  ["Read", "GetItem"],
  ["Write", "PutItem"],
] as const) {
  test(`DynamoDB${unit}CapacityUtilization: throughput follows what is consumed`, async () => {
    const platform = await openTestPlatform({ nowMs: START_MS });
    try {
      await platform.call("dynamodb", "CreateTable", {
        TableName: "orders",
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
      });
      const target: Target = {
        ServiceNamespace: "dynamodb",
        ResourceId: "table/orders",
        ScalableDimension: `dynamodb:table:${unit}CapacityUnits`,
      };
      await track(platform, target, `DynamoDB${unit}CapacityUtilization`, 50);
      const pk = { pk: { S: "a" } };
      for (let minute = 0; minute < 5; minute++) {
        // 60 units a minute are all that one unit a second gives.
        for (let turn = 0; turn < 60; turn++) {
          if (request === "GetItem")
            await platform.call("dynamodb", request, { TableName: "orders", Key: pk, ConsistentRead: true });
          else await platform.call("dynamodb", request, { TableName: "orders", Item: pk });
        }
        await platform.advance(MINUTE_MS);
      }
      const { Table } = await platform.call("dynamodb", "DescribeTable", { TableName: "orders" });
      assert.equal(Table!.ProvisionedThroughput![`${unit}CapacityUnits`], 2);
    } finally {
      await platform.close();
    }
  });
}
