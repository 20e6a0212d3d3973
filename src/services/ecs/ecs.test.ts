import assert from "node:assert/strict";
import { test } from "node:test";
import { stubborn } from "../../containers/testing.ts";
import { openTestPlatform, type TestPlatform } from "../../platform/testing.ts";
import { MemoryEngine } from "../../storage/engines/memory.ts";
import { fakePorts } from "./testing.ts";

const NETWORK = { awsvpcConfiguration: { subnets: ["subnet-1"], securityGroups: ["sg-1"] } };
const DEFINITION = {
  family: "web",
  networkMode: "awsvpc" as const,
  requiresCompatibilities: ["FARGATE" as const],
  cpu: "256",
  memory: "512",
  containerDefinitions: [{ name: "web", image: "web:1", portMappings: [{ containerPort: 80 }] }],
};

async function world(options: Parameters<typeof fakePorts>[0] = {}, more: Parameters<typeof openTestPlatform>[0] = {}) {
  const ecs = fakePorts(options);
  const platform = await openTestPlatform({ ...more, ports: { ecs } });
  return { platform, ecs, engine: ecs.engine };
}

async function withService(platform: TestPlatform, service: object = {}, definition: object = {}) {
  await platform.call("ecs", "CreateCluster", { clusterName: "main" });
  await platform.call("ecs", "RegisterTaskDefinition", { ...DEFINITION, ...definition });
  return platform.call("ecs", "CreateService", {
    cluster: "main",
    serviceName: "shop",
    taskDefinition: "web",
    desiredCount: 2,
    launchType: "FARGATE",
    networkConfiguration: NETWORK,
    ...service,
  });
}

const service = async (platform: TestPlatform) =>
  (await platform.call("ecs", "DescribeServices", { cluster: "main", services: ["shop"] })).services![0]!;
const counts = async (platform: TestPlatform) => {
  const { desiredCount, runningCount, pendingCount } = await service(platform);
  return [desiredCount, runningCount, pendingCount];
};
const code = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "none";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

test("RunTask: a client token starts its tasks once", async () => {
  const { platform } = await world();
  await platform.call("ecs", "CreateCluster", {});
  await platform.call("ecs", "CreateCluster", { clusterName: "other" });
  await platform.call("ecs", "RegisterTaskDefinition", DEFINITION);
  const run = async (changes: object = {}) => {
    const input = { taskDefinition: "web", networkConfiguration: NETWORK, clientToken: "a", count: 2, ...changes };
    const { tasks } = await platform.call("ecs", "RunTask", input);
    return tasks!.map(({ taskArn }) => taskArn!);
  };
  const first = await run();
  assert.equal(first.length, 2);
  assert.deepEqual(await run(), first);
  await assert.rejects(run({ count: 1 }), { code: "ConflictException", detail: { resourceIds: first } });
  for (const other of [{ clientToken: "b" }, { cluster: "other" }])
    assert.equal((await run(other)).filter((arn) => first.includes(arn)).length, 0);
  await assert.rejects(run({ clientToken: "a b" }), { code: "InvalidParameterException" });
  // An hour after their end tasks are forgotten, and with them the token.
  await platform.advance(1000);
  for (const task of first) await platform.call("ecs", "StopTask", { task });
  await platform.advance(61 * 60_000);
  assert.notDeepEqual(await run(), first);
  await platform.close();
});

test("RunTask: a task runs, is described, ends by itself, and is forgotten after an hour", async () => {
  const { platform, engine } = await world();
  let finish = (_exitCode: number) => {};
  engine.programs.set("web:1", () => new Promise((resolve) => void (finish = resolve)));
  await platform.call("ecs", "CreateCluster", {});
  await platform.call("ecs", "RegisterTaskDefinition", DEFINITION);
  const { tasks } = await platform.call("ecs", "RunTask", {
    taskDefinition: "web",
    networkConfiguration: NETWORK,
    startedBy: "me",
  });
  assert.equal(tasks![0]!.lastStatus, "PROVISIONING");
  const { taskArn } = tasks![0]!;
  await platform.advance(500);
  const describe = async () => (await platform.call("ecs", "DescribeTasks", { tasks: [taskArn!] })).tasks![0];
  const running = (await describe())!;
  assert.equal(running.lastStatus, "RUNNING");
  assert.match(running.containers![0]!.networkInterfaces![0]!.privateIpv4Address!, /^169\.254\./);
  assert.equal(engine.live()[0]!.spec.environment["AWS_ENDPOINT_URL"], "http://169.254.170.2");
  assert.equal(engine.live()[0]!.spec.cpus, 0.25);
  assert.deepEqual((await platform.call("ecs", "ListTasks", { startedBy: "me" })).taskArns, [taskArn]);
  finish(3);
  await platform.advance(500);
  const stopped = (await describe())!;
  assert.equal(stopped.lastStatus, "STOPPED");
  assert.equal(stopped.stopCode, "EssentialContainerExited");
  assert.equal(stopped.stoppedReason, "Essential container in task exited");
  assert.equal(stopped.containers![0]!.exitCode, 3);
  await platform.advance(3_600_000);
  assert.equal(await describe(), undefined);
  await platform.close();
});

test("StopTask: SIGTERM, then SIGKILL after stopTimeout", async () => {
  const { platform, engine } = await world();
  engine.programs.set("web:1", stubborn);
  await platform.call("ecs", "CreateCluster", {});
  await platform.call("ecs", "RegisterTaskDefinition", {
    ...DEFINITION,
    containerDefinitions: [{ ...DEFINITION.containerDefinitions[0]!, stopTimeout: 5 }],
  });
  const { tasks } = await platform.call("ecs", "RunTask", { taskDefinition: "web:1", networkConfiguration: NETWORK });
  await platform.advance(500);
  const { task } = await platform.call("ecs", "StopTask", { task: tasks![0]!.taskArn!, reason: "enough" });
  assert.equal(task!.desiredStatus, "STOPPED");
  await platform.advance(4_900);
  assert.equal(engine.live().length, 1);
  await platform.advance(200);
  assert.equal(engine.live().length, 0);
  const found = await platform.call("ecs", "DescribeTasks", { tasks: [tasks![0]!.taskArn!] });
  assert.equal(found.tasks![0]!.stoppedReason, "enough");
  assert.equal(found.tasks![0]!.stopCode, "UserInitiated");
  await platform.close();
});

test("without an engine RunTask says so, and everything else works", async () => {
  const { platform } = await world({ prepare: (engine) => void (engine.available = false) });
  await platform.call("ecs", "CreateCluster", {});
  await platform.call("ecs", "RegisterTaskDefinition", DEFINITION);
  await assert.rejects(platform.call("ecs", "RunTask", { taskDefinition: "web", networkConfiguration: NETWORK }), {
    code: "ClientException",
    message: /The container engine does not answer\. Start it\./,
  });
  await withService(platform);
  await platform.advance(1000);
  assert.equal((await service(platform)).runningCount, 0);
  await platform.close();
});

const REFUSED: readonly [string, object, string, RegExp][] = [
  [
    "a size that Fargate does not have",
    { memory: "4096" },
    "ClientException",
    /^No Fargate configuration exists for given values: 256 CPU, 4096 memory/,
  ],
  ["no size", { cpu: undefined }, "ClientException", /Fargate requires that 'cpu' be defined/],
  ["another network mode", { networkMode: "bridge" }, "ClientException", /Fargate only supports network mode/],
  [
    "EFS",
    { volumes: [{ name: "v", efsVolumeConfiguration: { fileSystemId: "fs-1" } }] },
    "NotImplemented",
    /efsVolumeConfiguration/,
  ],
  ["a host's folder", { volumes: [{ name: "v", host: { sourcePath: "/x" } }] }, "ClientException", /sourcePath/],
  [
    "nothing essential",
    { containerDefinitions: [{ name: "a", image: "a", essential: false }] },
    "ClientException",
    /essential/,
  ],
  [
    "a circle",
    {
      containerDefinitions: [
        { name: "a", image: "a", dependsOn: [{ containerName: "b", condition: "START" }] },
        { name: "b", image: "b", dependsOn: [{ containerName: "a", condition: "START" }] },
      ],
    },
    "ClientException",
    /Circular dependency/,
  ],
  [
    "another host port",
    { containerDefinitions: [{ name: "a", image: "a", portMappings: [{ containerPort: 80, hostPort: 81 }] }] },
    "ClientException",
    /must match/,
  ],
  [
    "another log driver",
    { containerDefinitions: [{ name: "a", image: "a", logConfiguration: { logDriver: "splunk" } }] },
    "NotImplemented",
    /splunk/,
  ],
  [
    "awslogs without a role",
    { containerDefinitions: [{ name: "a", image: "a", logConfiguration: { logDriver: "awslogs", options: {} } }] },
    "ClientException",
    /execution role/,
  ],
  [
    "privileges",
    { containerDefinitions: [{ name: "a", image: "a", privileged: true }] },
    "ClientException",
    /privileged/,
  ],
];
for (const [name, change, expected, message] of REFUSED) {
  test(`RegisterTaskDefinition refuses ${name}`, async () => {
    const { platform } = await world();
    await assert.rejects(platform.call("ecs", "RegisterTaskDefinition", { ...DEFINITION, ...change } as never), {
      code: expected,
      message,
    });
    await platform.close();
  });
}

test("sizes in words, revisions, inactive ones", async () => {
  const { platform } = await world();
  const { taskDefinition } = await platform.call("ecs", "RegisterTaskDefinition", {
    ...DEFINITION,
    cpu: ".5 vCPU",
    memory: "1 GB",
  });
  assert.deepEqual([taskDefinition!.cpu, taskDefinition!.memory, taskDefinition!.revision], ["512", "1024", 1]);
  await platform.call("ecs", "RegisterTaskDefinition", DEFINITION);
  await platform.call("ecs", "DeregisterTaskDefinition", { taskDefinition: "web:2" });
  const found = await platform.call("ecs", "DescribeTaskDefinition", { taskDefinition: "web" });
  assert.equal(found.taskDefinition!.revision, 1);
  assert.equal(
    await code(platform.call("ecs", "DescribeTaskDefinition", { taskDefinition: "web:9" })),
    "ClientException",
  );
  await platform.close();
});

test("a service reaches its count, says that it is steady, and keeps it when tasks are killed", async () => {
  const { platform, engine } = await world();
  await withService(platform);
  await platform.advance(2000);
  assert.deepEqual(await counts(platform), [2, 2, 0]);
  const { events, deployments } = await service(platform);
  assert.match(events![0]!.message!, /^\(service shop\) has reached a steady state\.$/);
  assert.equal(deployments![0]!.rolloutState, "COMPLETED");
  await platform.advance(61_000);
  engine.live()[0]!.end(137);
  await platform.advance(3000);
  assert.deepEqual(await counts(platform), [2, 2, 0]);
  assert.equal(engine.created.length, 3);
  await platform.close();
});

test("desiredCount moves up and down", async () => {
  const { platform, engine } = await world();
  await withService(platform);
  await platform.advance(2000);
  await platform.call("ecs", "UpdateService", { cluster: "main", service: "shop", desiredCount: 5 });
  await platform.advance(2000);
  assert.deepEqual(await counts(platform), [5, 5, 0]);
  await platform.call("ecs", "UpdateService", { cluster: "main", service: "shop", desiredCount: 0 });
  await platform.advance(2000);
  assert.deepEqual(await counts(platform), [0, 0, 0]);
  assert.equal(engine.live().length, 0);
  await platform.close();
});

test("a rolling deployment never falls below the minimum nor rises above the maximum", async () => {
  const { platform, engine } = await world();
  await withService(platform, {
    desiredCount: 4,
    deploymentConfiguration: { minimumHealthyPercent: 50, maximumPercent: 150 },
  });
  await platform.advance(3000);
  await platform.call("ecs", "RegisterTaskDefinition", {
    ...DEFINITION,
    containerDefinitions: [{ name: "web", image: "web:2" }],
  });
  await platform.call("ecs", "UpdateService", { cluster: "main", service: "shop", taskDefinition: "web:2" });
  let least = 4;
  let most = 4;
  for (let step = 0; step < 60; step++) {
    await platform.advance(100);
    least = Math.min(least, engine.live().length);
    most = Math.max(most, engine.containers.size);
  }
  assert.ok(least >= 2 && most <= 6, `between ${least} and ${most}`);
  assert.deepEqual(
    engine.live().map(({ spec }) => spec.image),
    ["web:2", "web:2", "web:2", "web:2"],
  );
  const { deployments } = await service(platform);
  assert.equal(deployments!.length, 1);
  await platform.close();
});

test("the circuit breaker gives a deployment up and rolls back", async () => {
  const { platform, engine } = await world();
  engine.images.add("web:1");
  await withService(platform, {
    deploymentConfiguration: { deploymentCircuitBreaker: { enable: true, rollback: true } },
  });
  await platform.advance(3000);
  const heard: string[] = [];
  await platform.call("ecs", "RegisterTaskDefinition", {
    ...DEFINITION,
    containerDefinitions: [{ name: "web", image: "web:2" }],
  });
  await platform.call("ecs", "UpdateService", { cluster: "main", service: "shop", taskDefinition: "web:2" });
  await platform.advance(120_000);
  const found = await service(platform);
  heard.push(...found.events!.map(({ message }) => message!));
  assert.equal(found.taskDefinition, "arn:aws:ecs:us-east-1:000000000000:task-definition/web:1");
  assert.match(found.deployments![0]!.rolloutStateReason!, /completed/);
  assert.deepEqual(await counts(platform), [2, 2, 0]);
  assert.ok(heard.some((message) => /deployment failed: tasks failed to start/.test(message)));
  const stopped = await platform.call("ecs", "ListTasks", { cluster: "main", desiredStatus: "STOPPED" });
  const { tasks } = await platform.call("ecs", "DescribeTasks", { cluster: "main", tasks: stopped.taskArns! });
  assert.ok(tasks!.some(({ stoppedReason }) => /CannotPullContainerError: web:2/.test(stoppedReason!)));
  await platform.close();
});

test("a service whose tasks end at once is not started in a hot loop", async () => {
  const { platform, engine } = await world();
  engine.programs.set("web:1", async () => 1);
  await withService(platform, { desiredCount: 1 });
  await platform.advance(60_000);
  assert.ok(engine.created.length >= 4 && engine.created.length <= 9, `${engine.created.length} starts in a minute`);
  await platform.close();
});

test("tasks that fail their health check are replaced", async () => {
  const { platform, engine } = await world();
  engine.healthy.set("web", 1);
  const healthCheck = { command: ["CMD-SHELL", "true"], interval: 5, retries: 2 };
  await withService(
    platform,
    { desiredCount: 1 },
    { containerDefinitions: [{ name: "web", image: "web:1", healthCheck }] },
  );
  await platform.advance(13_000);
  assert.equal(engine.created.length, 2);
  engine.healthy.set("web", 0);
  await platform.advance(30_000);
  const { deployments } = await service(platform);
  assert.equal(deployments![0]!.rolloutState, "COMPLETED");
  await platform.close();
});

test("after a crash running tasks are taken over, and nothing is doubled", async () => {
  const store = new MemoryEngine();
  const first = await world({}, { engine: store });
  await withService(first.platform);
  await first.platform.advance(2000);
  const nowMs = first.platform.clock.nowMs();
  const engine = first.engine;
  const ids = engine.live().map(({ id }) => id);
  // One task dies while nobody looks.
  await first.platform.close();
  engine.live()[0]!.end(137);

  const second = await world({ engine }, { engine: store, nowMs });
  await second.platform.advance(3000);
  assert.deepEqual(await counts(second.platform), [2, 2, 0]);
  assert.equal(engine.live().length, 2);
  assert.ok(engine.live().some(({ id }) => ids.includes(id)));
  assert.equal(engine.created.length, 3);
  await second.platform.close();
});

test("measured use becomes metrics and a bill", async () => {
  const { platform, engine } = await world();
  await withService(platform, { desiredCount: 1 });
  await platform.advance(1000);
  engine.live()[0]!.cores = 0.125;
  await platform.advance(70_000);
  const taken = platform.measurements.take();
  const cpu = taken.filter(({ name }) => name === "CPUUtilization").at(-1)!;
  assert.deepEqual(cpu.dimensions, { ClusterName: "main", ServiceName: "shop" });
  assert.equal(Math.round(cpu.sum / cpu.count), 50);
  await platform.close();
});

test("EventBridge is told of tasks", async () => {
  const { platform } = await world();
  const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "told" });
  await platform.call("events", "PutRule", {
    Name: "tasks",
    EventPattern: JSON.stringify({ source: ["aws.ecs"], "detail-type": ["ECS Task State Change"] }),
  });
  await platform.call("events", "PutTargets", {
    Rule: "tasks",
    Targets: [{ Id: "1", Arn: "arn:aws:sqs:us-east-1:000000000000:told" }],
  });
  await platform.call("sqs", "SetQueueAttributes", {
    QueueUrl: QueueUrl!,
    Attributes: {
      Policy: JSON.stringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Principal: "*", Action: "sqs:SendMessage", Resource: "*" }],
      }),
    },
  });
  await withService(platform, { desiredCount: 1 });
  await platform.advance(3000);
  const { Messages = [] } = await platform.call("sqs", "ReceiveMessage", {
    QueueUrl: QueueUrl!,
    MaxNumberOfMessages: 10,
  });
  const statuses = Messages.map(({ Body }) => JSON.parse(Body!).detail.lastStatus);
  assert.ok(statuses.includes("RUNNING"), statuses.join());
  await platform.close();
});

test("clusters: described when missing, not deleted while in use", async () => {
  const { platform } = await world();
  await withService(platform);
  await platform.advance(2000);
  assert.equal(
    await code(platform.call("ecs", "DeleteCluster", { cluster: "main" })),
    "ClusterContainsServicesException",
  );
  assert.equal(
    await code(platform.call("ecs", "DeleteService", { cluster: "main", service: "shop" })),
    "InvalidParameterException",
  );
  await platform.call("ecs", "DeleteService", { cluster: "main", service: "shop", force: true });
  await platform.advance(2000);
  assert.equal((await service(platform)).status, "INACTIVE");
  await platform.call("ecs", "DeleteCluster", { cluster: "main" });
  const { failures } = await platform.call("ecs", "DescribeClusters", { clusters: ["none"] });
  assert.equal(failures![0]!.reason, "MISSING");
  await platform.close();
});

test("a template makes cluster, task definition and service, waits for it, and takes all away", async () => {
  const { platform, engine } = await world();
  const template = (image: string) => ({
    Resources: {
      Cluster: { Type: "AWS::ECS::Cluster" },
      Task: {
        Type: "AWS::ECS::TaskDefinition",
        Properties: {
          Family: "app",
          Cpu: 256,
          Memory: 512,
          NetworkMode: "awsvpc",
          RequiresCompatibilities: ["FARGATE"],
          ContainerDefinitions: [
            { Name: "web", Image: image, PortMappings: [{ ContainerPort: 8080 }], DockerLabels: { "Some.Label": "x" } },
          ],
        },
      },
      Service: {
        Type: "AWS::ECS::Service",
        Properties: {
          Cluster: { Ref: "Cluster" },
          TaskDefinition: { Ref: "Task" },
          DesiredCount: 2,
          LaunchType: "FARGATE",
          NetworkConfiguration: { AwsvpcConfiguration: { Subnets: ["subnet-1"] } },
        },
      },
    },
    Outputs: { Name: { Value: { "Fn::GetAtt": ["Service", "Name"] } } },
  });
  const status = async () =>
    (await platform.call("cloudformation", "DescribeStacks", { StackName: "app" })).Stacks![0]!.StackStatus;
  await platform.call("cloudformation", "CreateStack", {
    StackName: "app",
    TemplateBody: JSON.stringify(template("web:1")),
  });
  await platform.advance(30_000);
  assert.equal(await status(), "CREATE_COMPLETE");
  assert.equal(engine.live().length, 2);
  assert.equal(engine.live()[0]!.spec.labels["Some.Label"], "x");
  await platform.call("cloudformation", "UpdateStack", {
    StackName: "app",
    TemplateBody: JSON.stringify(template("web:2")),
  });
  await platform.advance(60_000);
  assert.equal(await status(), "UPDATE_COMPLETE");
  assert.deepEqual(
    engine.live().map(({ spec }) => spec.image),
    ["web:2", "web:2"],
  );
  await platform.call("cloudformation", "DeleteStack", { StackName: "app" });
  await platform.advance(60_000);
  assert.equal(engine.live().length, 0);
  assert.equal(await code(platform.call("cloudformation", "DescribeStacks", { StackName: "app" })), "ValidationError");
  await platform.close();
});
