/** The whole way: targets and policies are put, alarms change, capacities move, activities tell. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "node:test";
import { openTestPlatform } from "../../platform/testing.ts";
import { fakePorts as fakeEcsPorts } from "../ecs/testing.ts";
import type { InputOf, OperationName, OutputOf } from "../service.ts";
import { openScene, type Scene } from "./testing.ts";

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;
const WEB = {
  ServiceNamespace: "ecs",
  ResourceId: "service/default/web",
  ScalableDimension: "ecs:service:DesiredCount",
} as const;

let scene: Scene;
beforeEach(async () => {
  scene = await openScene(START_MS);
  scene.desired.set("web", 2);
});
afterEach(() => scene.platform.close());

const call = <O extends OperationName<"applicationautoscaling">>(
  operation: O,
  input: InputOf<"applicationautoscaling", O>,
): Promise<OutputOf<"applicationautoscaling", O>> => scene.platform.call("applicationautoscaling", operation, input);

async function quiet(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await scene.platform.settle();
}

const advance = (ms: number): Promise<void> => scene.advance(ms);

async function register(more: object = {}): Promise<void> {
  await call("RegisterScalableTarget", { ...WEB, MinCapacity: 1, MaxCapacity: 10, ...more });
  await quiet();
}

const track = (more: object = {}, PolicyName = "cpu") =>
  call("PutScalingPolicy", {
    ...WEB,
    PolicyName,
    PolicyType: "TargetTrackingScaling",
    TargetTrackingScalingPolicyConfiguration: {
      TargetValue: 50,
      PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageCPUUtilization" },
      ...more,
    },
  });

async function activities(): Promise<(readonly [string | undefined, string | undefined, string | undefined])[]> {
  const { ScalingActivities } = await call("DescribeScalingActivities", {
    ServiceNamespace: "ecs",
    IncludeNotScaledActivities: true,
  });
  return ScalingActivities!.map(({ Description, StatusCode, NotScaledReasons }) => [
    Description,
    StatusCode,
    NotScaledReasons?.[0]?.Code,
  ]);
}

describe("target tracking", () => {
  test("makes two alarms as AWS's are, and removes them with the policy", async () => {
    await register();
    const { PolicyARN, Alarms } = await track();
    assert.match(
      PolicyARN!,
      /^arn:aws:autoscaling:us-east-1:000000000000:scalingPolicy:[0-9a-f-]{36}:resource\/ecs\/service\/default\/web:policyName\/cpu$/,
    );
    assert.deepEqual(
      Alarms!.map(({ AlarmName }) => AlarmName!.replace(/[0-9a-f-]{36}$/, "UUID")),
      ["TargetTracking-service/default/web-AlarmHigh-UUID", "TargetTracking-service/default/web-AlarmLow-UUID"],
    );
    const [high, low] = [...scene.alarms.values()];
    const shared = {
      state: "INSUFFICIENT_DATA",
      Namespace: "AWS/ECS",
      MetricName: "CPUUtilization",
      Dimensions: [
        { Name: "ClusterName", Value: "default" },
        { Name: "ServiceName", Value: "web" },
      ],
      Statistic: "Average",
      Unit: "Percent",
      Period: 60,
      AlarmDescription: `DO NOT EDIT OR DELETE. For TargetTrackingScaling policy ${PolicyARN}.`,
      ActionsEnabled: true,
      AlarmActions: [PolicyARN],
    };
    assert.deepEqual(high, {
      ...shared,
      AlarmName: Alarms![0]!.AlarmName,
      ComparisonOperator: "GreaterThanThreshold",
      Threshold: 50,
      EvaluationPeriods: 3,
    });
    assert.deepEqual(low, {
      ...shared,
      AlarmName: Alarms![1]!.AlarmName,
      ComparisonOperator: "LessThanThreshold",
      Threshold: 45,
      EvaluationPeriods: 15,
    });
    await track({ DisableScaleIn: true });
    assert.deepEqual([...scene.alarms.keys()], [Alarms![0]!.AlarmName]);
    await call("DeleteScalingPolicy", { ...WEB, PolicyName: "cpu" });
    assert.equal(scene.alarms.size, 0);
  });

  test("moves the service out and in, minute by minute while the alarm stays", async () => {
    await register();
    await track({ ScaleOutCooldown: 120, ScaleInCooldown: 60 });
    scene.values.set("CPUUtilization", [90, 95, 100]);
    await scene.turn(/High/, "ALARM");
    assert.equal(scene.desired.get("web"), 4);
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 4);
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 8);
    await scene.turn(/High/, "OK");
    await advance(5 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 8);
    scene.values.set("CPUUtilization", [5, 25, 10]);
    await scene.turn(/Low/, "ALARM");
    assert.equal(scene.desired.get("web"), 4);
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 2);
    assert.deepEqual(await activities(), [
      ["Setting desired count to 2.", "Successful", undefined],
      ["Setting desired count to 4.", "Successful", undefined],
      ["Setting desired count to 8.", "Successful", undefined],
      ["Setting desired count to 4.", "Successful", undefined],
    ]);
    const { ScalingActivities } = await call("DescribeScalingActivities", { ServiceNamespace: "ecs", MaxResults: 1 });
    const [latest] = ScalingActivities!;
    assert.equal(latest!.StatusMessage, "Successfully set desired count to 2. Change successfully fulfilled by ecs.");
    assert.match(
      latest!.Cause!,
      /^monitor alarm TargetTracking-service\/default\/web-AlarmLow-[0-9a-f-]{36} in state ALARM triggered policy cpu$/,
    );
  });

  test("tells once why it does not scale, and goes on when it can", async () => {
    await register({ MaxCapacity: 3 });
    await track();
    scene.values.set("CPUUtilization", [100]);
    await scene.turn(/High/, "ALARM");
    await advance(20 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 3);
    assert.deepEqual(await activities(), [
      ["Attempting to scale due to alarm triggered", "Failed", "AlreadyAtMaxCapacity"],
      ["Setting desired count to 3.", "Successful", undefined],
    ]);
    const { ScalingActivities } = await call("DescribeScalingActivities", { ServiceNamespace: "ecs" });
    assert.equal(ScalingActivities!.length, 1);
    await register({ MaxCapacity: 20 });
    await advance(5 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 6);
  });

  test("takes nothing during a deployment", async () => {
    scene.desired.set("web", 8);
    scene.deploying.add("web");
    await register();
    await track();
    scene.values.set("CPUUtilization", [10]);
    await scene.turn(/Low/, "ALARM");
    await advance(10 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 8);
    assert.deepEqual((await activities())[0]![2], "TargetServicePutResourceAsUnscalable");
    scene.deploying.clear();
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 2);
  });

  test("agrees among policies, and scales in only when all want to", async () => {
    scene.desired.set("web", 8);
    await register();
    await track();
    await track(
      { PredefinedMetricSpecification: { PredefinedMetricType: "ECSServiceAverageMemoryUtilization" } },
      "memory",
    );
    scene.values.set("CPUUtilization", [10]);
    scene.values.set("MemoryUtilization", [20]);
    const [, cpuLow, , memoryLow] = [...scene.alarms.keys()];
    await scene.turn(new RegExp(cpuLow!.slice(-36)), "ALARM");
    assert.equal(scene.desired.get("web"), 8);
    await scene.turn(new RegExp(memoryLow!.slice(-36)), "ALARM");
    assert.equal(scene.desired.get("web"), 4);
  });

  test("follows a metric of one's own, and an expression of several", async () => {
    await register();
    await track({
      PredefinedMetricSpecification: undefined,
      CustomizedMetricSpecification: {
        Metrics: [
          {
            Id: "m1",
            MetricStat: { Metric: { Namespace: "Mine", MetricName: "Backlog" }, Stat: "Sum" },
            ReturnData: false,
          },
          {
            Id: "m2",
            MetricStat: { Metric: { Namespace: "Mine", MetricName: "Workers" }, Stat: "Average" },
            ReturnData: false,
          },
          { Id: "e1", Expression: "m1 / m2", Label: "backlog per worker" },
        ],
      },
    });
    const [high] = [...scene.alarms.values()];
    assert.equal(high!.Metrics![0]!.MetricStat!.Period, 60);
    scene.values.set("Backlog", [1000]);
    scene.values.set("m1 / m2", [150]);
    await scene.turn(/High/, "ALARM");
    assert.equal(scene.desired.get("web"), 6);
  });

  test("does nothing while it is suspended, and again afterwards", async () => {
    await register({ SuspendedState: { DynamicScalingOutSuspended: true } });
    await track();
    scene.values.set("CPUUtilization", [100]);
    await scene.turn(/High/, "ALARM");
    await advance(3 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 2);
    await register({ SuspendedState: { DynamicScalingOutSuspended: false } });
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 4);
  });

  test("says what went wrong when the service refuses", async () => {
    await register({ MaxCapacity: 5000 });
    await track();
    scene.values.set("CPUUtilization", [100_000]);
    await scene.turn(/High/, "ALARM");
    const { ScalingActivities } = await call("DescribeScalingActivities", { ServiceNamespace: "ecs" });
    assert.equal(ScalingActivities![0]!.StatusCode, "Failed");
    assert.equal(ScalingActivities![0]!.StatusMessage, "Failed to set desired count to 4000. Reason: Too many tasks.");
  });
});

describe("step scaling", () => {
  test("hears an alarm of the user's, repeats while it stays, and forgets it", async () => {
    await register();
    const { PolicyARN, Alarms } = await call("PutScalingPolicy", {
      ...WEB,
      PolicyName: "steps",
      PolicyType: "StepScaling",
      StepScalingPolicyConfiguration: {
        AdjustmentType: "ChangeInCapacity",
        Cooldown: 60,
        StepAdjustments: [
          { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 100, ScalingAdjustment: 1 },
          { MetricIntervalLowerBound: 100, ScalingAdjustment: 3 },
        ],
      },
    });
    assert.deepEqual(Alarms, []);
    await scene.platform.call("cloudwatch", "PutMetricAlarm", {
      AlarmName: "network",
      Namespace: "Mine",
      MetricName: "NetworkIn",
      Statistic: "Average",
      Period: 60,
      EvaluationPeriods: 2,
      Threshold: 1000,
      ComparisonOperator: "GreaterThanThreshold",
      AlarmActions: [PolicyARN!],
    });
    scene.values.set("NetworkIn", [1050]);
    await scene.turn(/network/, "ALARM");
    assert.equal(scene.desired.get("web"), 3);
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 4);
    scene.values.set("NetworkIn", [1200]);
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 7);
    await scene.turn(/network/, "OK");
    await advance(10 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 7);
  });
});

describe("limits and schedules", () => {
  test("a capacity outside the limits is brought inside at once", async () => {
    await register({ MinCapacity: 4 });
    assert.equal(scene.desired.get("web"), 4);
    await advance(1000);
    await register({ MinCapacity: 1, MaxCapacity: 3 });
    assert.equal(scene.desired.get("web"), 3);
    const { ScalingActivities } = await call("DescribeScalingActivities", { ServiceNamespace: "ecs" });
    assert.deepEqual(
      ScalingActivities!.map(({ Cause }) => Cause),
      ["maximum capacity was set to 3", "minimum capacity was set to 4"],
    );
  });

  test("the working day lifts the minimum at its minute, in its time zone, and the evening lowers the maximum", async () => {
    await register();
    const action = (ScheduledActionName: string, Schedule: string, ScalableTargetAction: object) =>
      call("PutScheduledAction", {
        ...WEB,
        ScheduledActionName,
        Schedule,
        Timezone: "Europe/Berlin",
        ScalableTargetAction,
      });
    await action("morning", "cron(0 8 ? * MON-FRI *)", { MinCapacity: 5 });
    await action("evening", "cron(0 18 * * ? *)", { MinCapacity: 1, MaxCapacity: 2 });
    // January 1, 2026 is a Thursday; Berlin is an hour ahead.
    await advance(7 * 60 * MINUTE_MS - 1000);
    assert.equal(scene.desired.get("web"), 2);
    await advance(1000);
    assert.equal(scene.desired.get("web"), 5);
    await advance(10 * 60 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 2);
    await advance(14 * 60 * MINUTE_MS);
    // The maximum of the evening stays: five are more than it lets be, and the failure says so.
    const { ScalingActivities } = await call("DescribeScalingActivities", { ServiceNamespace: "ecs" });
    assert.equal(ScalingActivities![0]!.StatusCode, "Failed");
  });

  test("an action at one time runs once; one that was deleted not at all", async () => {
    await register();
    const at = { ...WEB, Schedule: "at(2026-01-01T00:10:00)", ScalableTargetAction: { MinCapacity: 3 } };
    await call("PutScheduledAction", { ...at, ScheduledActionName: "once" });
    await call("PutScheduledAction", { ...at, ScheduledActionName: "never", ScalableTargetAction: { MinCapacity: 9 } });
    await call("DeleteScheduledAction", { ...WEB, ScheduledActionName: "never" });
    await advance(11 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 3);
    const { ScheduledActions } = await call("DescribeScheduledActions", { ServiceNamespace: "ecs" });
    assert.deepEqual(
      ScheduledActions!.map(({ ScheduledActionName }) => ScheduledActionName),
      ["once"],
    );
  });

  test("scheduled scaling can be suspended", async () => {
    await register({ SuspendedState: { ScheduledScalingSuspended: true } });
    await call("PutScheduledAction", {
      ...WEB,
      ScheduledActionName: "often",
      Schedule: "rate(1 minute)",
      ScalableTargetAction: { MinCapacity: 6 },
    });
    await advance(5 * MINUTE_MS);
    assert.equal(scene.desired.get("web"), 2);
    await register({ SuspendedState: { ScheduledScalingSuspended: false } });
    await advance(MINUTE_MS);
    assert.equal(scene.desired.get("web"), 6);
  });
});

describe("with CloudWatch itself", () => {
  test("a metric above its target: at +3 minutes there is more, fifteen quiet minutes later less", async () => {
    const platform = await openTestPlatform({ nowMs: START_MS });
    try {
      await platform.call("dynamodb", "CreateTable", {
        TableName: "orders",
        AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
        KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
        ProvisionedThroughput: { ReadCapacityUnits: 2, WriteCapacityUnits: 1 },
      });
      const id = {
        ServiceNamespace: "dynamodb",
        ResourceId: "table/orders",
        ScalableDimension: "dynamodb:table:ReadCapacityUnits",
      } as const;
      await platform.call("applicationautoscaling", "RegisterScalableTarget", {
        ...id,
        MinCapacity: 1,
        MaxCapacity: 20,
      });
      await platform.call("applicationautoscaling", "PutScalingPolicy", {
        ...id,
        PolicyName: "mine",
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 50,
          ScaleOutCooldown: 600,
          CustomizedMetricSpecification: { Namespace: "Mine", MetricName: "Busy", Statistic: "Average" },
        },
      });
      const capacities: number[] = [];
      const pass = async (minutes: number, Value: number) => {
        for (let minute = 0; minute < minutes; minute++) {
          await platform.advance(30_000);
          await platform.call("cloudwatch", "PutMetricData", {
            Namespace: "Mine",
            MetricData: [{ MetricName: "Busy", Value, Timestamp: new Date(platform.clock.nowMs()) }],
          });
          await platform.advance(30_000);
          for (let turn = 0; turn < 4; turn++) await platform.settle();
          const { Table } = await platform.call("dynamodb", "DescribeTable", { TableName: "orders" });
          capacities.push(Table!.ProvisionedThroughput!.ReadCapacityUnits!);
        }
      };
      await pass(5, 100);
      assert.equal(capacities[1], 2);
      assert.equal(capacities[3], 4, capacities.join());
      assert.equal(capacities[4], 4, capacities.join());
      await pass(20, 20);
      assert.equal(capacities.at(-1), 1, capacities.join());
      assert.ok(
        capacities.slice(0, 17).every((capacity) => capacity >= 2),
        capacities.join(),
      );
    } finally {
      await platform.close();
    }
  });
});

describe("with ECS itself", () => {
  test("a service's tasks start and stop with its metric and its schedule", async () => {
    const ecs = fakeEcsPorts({ prepare: (engine) => engine.programs.set("web:1", () => new Promise(() => {})) });
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
      const id = { ...WEB, ResourceId: "service/main/shop" } as const;
      await platform.call("applicationautoscaling", "RegisterScalableTarget", {
        ...id,
        MinCapacity: 2,
        MaxCapacity: 10,
      });
      await platform.call("applicationautoscaling", "PutScalingPolicy", {
        ...id,
        PolicyName: "mine",
        PolicyType: "TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration: {
          TargetValue: 50,
          CustomizedMetricSpecification: { Namespace: "Mine", MetricName: "Busy", Statistic: "Average" },
        },
      });
      const counts = async () => {
        const { services } = await platform.call("ecs", "DescribeServices", { cluster: "main", services: ["shop"] });
        return [services![0]!.desiredCount, services![0]!.runningCount];
      };
      const pass = async (minutes: number, Value: number) => {
        for (let minute = 0; minute < minutes; minute++) {
          await platform.advance(30_000);
          await platform.call("cloudwatch", "PutMetricData", {
            Namespace: "Mine",
            MetricData: [{ MetricName: "Busy", Value, Timestamp: new Date(platform.clock.nowMs()) }],
          });
          await platform.advance(30_000);
        }
      };
      await pass(2, 100);
      assert.deepEqual(await counts(), [2, 2]);
      await pass(3, 100);
      assert.deepEqual(await counts(), [4, 4]);
      await pass(25, 10);
      assert.deepEqual(await counts(), [2, 2]);
      await platform.call("applicationautoscaling", "PutScheduledAction", {
        ...id,
        ScheduledActionName: "morning",
        Schedule: "at(2026-01-01T00:40:00)",
        ScalableTargetAction: { MinCapacity: 3 },
      });
      await platform.advance(Date.UTC(2026, 0, 1, 0, 40) - platform.clock.nowMs() + 30_000);
      assert.deepEqual(await counts(), [3, 3]);
    } finally {
      await platform.close();
    }
  });
});

describe("provisioned concurrency", () => {
  test("is read from and set on an alias", async () => {
    const platform = await openTestPlatform({ nowMs: START_MS });
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
      const id = {
        ServiceNamespace: "lambda",
        ResourceId: "function:worker:live",
        ScalableDimension: "lambda:function:ProvisionedConcurrency",
      } as const;
      const provisioned = async () =>
        (
          await platform.call("lambda", "GetProvisionedConcurrencyConfig", {
            FunctionName: "worker",
            Qualifier: "live",
          })
        ).RequestedProvisionedConcurrentExecutions;
      await platform.call("applicationautoscaling", "RegisterScalableTarget", {
        ...id,
        MinCapacity: 2,
        MaxCapacity: 5,
      });
      await platform.advance(1000);
      assert.equal(await provisioned(), 2);
      await platform.call("applicationautoscaling", "PutScheduledAction", {
        ...id,
        ScheduledActionName: "soon",
        Schedule: "rate(1 minute)",
        ScalableTargetAction: { MinCapacity: 4 },
      });
      await platform.advance(61_000);
      assert.equal(await provisioned(), 4);
      await assert.rejects(
        platform.call("applicationautoscaling", "RegisterScalableTarget", {
          ...id,
          ResourceId: "function:worker:nobody",
          MinCapacity: 1,
          MaxCapacity: 2,
        }),
        /Lambda function version or alias does not exist/,
      );
    } finally {
      await platform.close();
    }
  });
});

describe("DynamoDB capacity", () => {
  const TABLE = {
    ServiceNamespace: "dynamodb",
    ResourceId: "table/orders",
    ScalableDimension: "dynamodb:table:ReadCapacityUnits",
  } as const;

  test("is read from and set on the table, and the alarms' thresholds follow it", async () => {
    await scene.platform.call("dynamodb", "CreateTable", {
      TableName: "orders",
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      ProvisionedThroughput: { ReadCapacityUnits: 5, WriteCapacityUnits: 7 },
    });
    await call("RegisterScalableTarget", { ...TABLE, MinCapacity: 5, MaxCapacity: 100 });
    await call("PutScalingPolicy", {
      ...TABLE,
      PolicyName: "reads",
      PolicyType: "TargetTrackingScaling",
      TargetTrackingScalingPolicyConfiguration: {
        TargetValue: 70,
        PredefinedMetricSpecification: { PredefinedMetricType: "DynamoDBReadCapacityUtilization" },
      },
    });
    const threshold = () => [...scene.alarms.values()][0]!.Threshold;
    // 70 % of 5 units for 60 seconds.
    assert.equal(threshold(), 210);
    // 20 units a second: 400 % of 5.
    scene.values.set("ConsumedReadCapacityUnits", [1200]);
    await scene.turn(/High/, "ALARM");
    const { Table } = await scene.platform.call("dynamodb", "DescribeTable", { TableName: "orders" });
    assert.equal(Table!.ProvisionedThroughput!.ReadCapacityUnits, 29);
    assert.equal(Table!.ProvisionedThroughput!.WriteCapacityUnits, 7);
    assert.equal(threshold(), 1218);
  });

  test("on demand there is nothing to scale", async () => {
    await scene.platform.call("dynamodb", "CreateTable", {
      TableName: "orders",
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
      BillingMode: "PAY_PER_REQUEST",
    });
    await assert.rejects(call("RegisterScalableTarget", { ...TABLE, MinCapacity: 5, MaxCapacity: 100 }), {
      code: "ValidationException",
      message: /no provisioned throughput/,
    });
  });
});

describe("refusals and descriptions", () => {
  test("name what is wrong", async () => {
    const missing = `service namespace: ecs, resource ID: ${WEB.ResourceId}, scalable dimension: ${WEB.ScalableDimension}`;
    await assert.rejects(track(), {
      code: "ObjectNotFoundException",
      message: `No scalable target registered for ${missing}`,
    });
    const cases: [object, string, RegExp][] = [
      [
        { ResourceId: "service/default/nobody" },
        "ValidationException",
        /ECS service doesn't exist: service\/default\/nobody/,
      ],
      [
        { MinCapacity: 5, MaxCapacity: 2 },
        "ValidationException",
        /Maximum capacity cannot be less than minimum capacity/,
      ],
      [
        { ScalableDimension: "dynamodb:table:ReadCapacityUnits" },
        "ValidationException",
        /Unsupported service namespace/,
      ],
      [{ ResourceId: "web" }, "ValidationException", /Unsupported service namespace/],
      [
        { ServiceNamespace: "custom-resource", ScalableDimension: "custom-resource:ResourceType:Property" },
        "NotImplemented",
        /custom-resource/,
      ],
      [{ ServiceNamespace: "nothing" }, "ValidationException", /serviceNamespace/],
      [{ MinCapacity: undefined }, "ValidationException", /MinCapacity and MaxCapacity must be specified/],
    ];
    for (const [more, code, message] of cases) {
      await assert.rejects(register(more), { code, message });
    }
    await register();
    const step = (StepAdjustments: object[]) =>
      call("PutScalingPolicy", {
        ...WEB,
        PolicyName: "steps",
        StepScalingPolicyConfiguration: {
          AdjustmentType: "ChangeInCapacity",
          StepAdjustments: StepAdjustments as never,
        },
      });
    await assert.rejects(step([]), /at least one step adjustment/);
    await assert.rejects(
      step([
        { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 10, ScalingAdjustment: 1 },
        { MetricIntervalLowerBound: 20, ScalingAdjustment: 2 },
      ]),
      /gaps/,
    );
    await assert.rejects(
      step([
        { MetricIntervalLowerBound: 0, ScalingAdjustment: 1 },
        { MetricIntervalLowerBound: 20, ScalingAdjustment: 2 },
      ]),
      /overlap/,
    );
    await assert.rejects(
      track({ PredefinedMetricSpecification: { PredefinedMetricType: "DynamoDBReadCapacityUtilization" } }),
      /Unsupported predefined metric type/,
    );
    await assert.rejects(
      track({ PredefinedMetricSpecification: { PredefinedMetricType: "ALBRequestCountPerTarget" } }),
      /Invalid resource label/,
    );
    await assert.rejects(
      call("PutScheduledAction", {
        ...WEB,
        ScheduledActionName: "bad",
        Schedule: "every day",
        ScalableTargetAction: { MinCapacity: 1 },
      }),
      /Invalid schedule expression/,
    );
    await assert.rejects(call("DeleteScalingPolicy", { ...WEB, PolicyName: "gone" }), {
      code: "ObjectNotFoundException",
      message: `No scaling policy found for ${missing}, policy name: gone`,
    });
  });

  test("targets are shown with their tags, in pages", async () => {
    scene.desired.set("api", 1);
    await register({ Tags: { team: "blue" } });
    await call("RegisterScalableTarget", { ...WEB, ResourceId: "service/default/api", MinCapacity: 1, MaxCapacity: 2 });
    const first = await call("DescribeScalableTargets", { ServiceNamespace: "ecs", MaxResults: 1 });
    const second = await call("DescribeScalableTargets", {
      ServiceNamespace: "ecs",
      MaxResults: 1,
      NextToken: first.NextToken!,
    });
    assert.deepEqual(
      [...first.ScalableTargets!, ...second.ScalableTargets!].map(({ ResourceId }) => ResourceId),
      ["service/default/api", "service/default/web"],
    );
    assert.equal(second.NextToken, undefined);
    const [web] = second.ScalableTargets!;
    assert.match(web!.RoleARN!, /AWSServiceRoleForApplicationAutoScaling_ECSService$/);
    const ResourceARN = web!.ScalableTargetARN!;
    await call("TagResource", { ResourceARN, Tags: { stage: "test" } });
    await call("UntagResource", { ResourceARN, TagKeys: ["team"] });
    assert.deepEqual(await call("ListTagsForResource", { ResourceARN }), { Tags: { stage: "test" } });
    await call("DeregisterScalableTarget", WEB);
    await assert.rejects(call("ListTagsForResource", { ResourceARN }), { code: "ResourceNotFoundException" });
  });
});
