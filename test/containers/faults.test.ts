/**
 * Real tasks on a real engine, and what may happen to them: killed tasks, a killed platform, a frozen engine, a full disk. The count comes back to
 * what is desired, nothing is doubled, and errors name their cause.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ECS } from "@aws-sdk/client-ecs";
import { launch, type Running, temporaryFolder } from "../../src/cli/testing/command.ts";
import { enterOwnNetwork, type Podman, startPodman, withoutPodman } from "../../tools/podman.ts";

const skip = withoutPodman();
if (skip === undefined) await enterOwnNetwork();

const CLUSTER = "main";
const SERVICE = "shop";
const DISK_MIB = 96;
/** Ends politely when it is told to, as a program with the process id 1 has to by itself. */
const PROGRAM = "trap 'exit 0' TERM; while :; do sleep 0.1 & wait $!; done";
/** Only a test that fails waits so long. */
const PATIENCE_MS = 90_000;
const NETWORK = { awsvpcConfiguration: { subnets: ["subnet-1"], securityGroups: ["sg-1"] } };

describe("what may happen to tasks", { skip: skip ?? false }, () => {
  const folder = temporaryFolder();
  const disk = join(folder, "disk");
  let podman: Podman;
  let platform: Running;
  let ecs: ECS;

  const startPlatform = async () => {
    platform = launch(undefined, folder, [
      "start",
      "--port",
      "0",
      "--data",
      "data",
      "--container-socket",
      podman.socket,
    ]);
    const [, endpoint] = await platform.says(/answers at (http:\S+)/);
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    ecs = new ECS({ endpoint: endpoint!, region: "us-east-1", credentials, maxAttempts: 1 });
  };
  const service = async () => (await ecs.describeServices({ cluster: CLUSTER, services: [SERVICE] })).services![0]!;
  /** What really runs for tasks: their ids. */
  const containers = async (): Promise<string[]> => {
    const all = JSON.parse(await podman.run("ps", "--format", "json")) as {
      Id: string;
      Labels?: Record<string, string>;
    }[];
    return all
      .filter(({ Labels }) => Labels?.["virga.container"] === "web")
      .map(({ Id }) => Id)
      .sort();
  };
  const until = async (what: string, holds: () => Promise<boolean>) => {
    for (const fromMs = performance.now(); !(await holds()); await pause(100)) {
      if (performance.now() - fromMs < PATIENCE_MS) continue;
      const { events, runningCount, pendingCount, desiredCount } = await service();
      const said = events!.slice(0, 5).map(({ message }) => message);
      const { taskArns } = await ecs.listTasks({ cluster: CLUSTER, desiredStatus: "STOPPED" });
      const { tasks } =
        taskArns!.length > 0 ? await ecs.describeTasks({ cluster: CLUSTER, tasks: taskArns! }) : { tasks: [] };
      const ended = tasks!.map(({ stoppedReason }) => stoppedReason);
      const found = await containers();
      throw new Error(
        `not ${what}: ${JSON.stringify({ desiredCount, runningCount, pendingCount, found, said, ended })}`,
      );
    }
  };
  /** Exactly so many, by everybody's account. */
  const untilRunning = (count: number) =>
    until(`${count} running`, async () => {
      const { runningCount, pendingCount } = await service();
      return runningCount === count && pendingCount === 0 && (await containers()).length === count;
    });

  before(async () => {
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${DISK_MIB}m`, "virga-test", disk]);
    podman = await startPodman({ storage: disk });
    const image = await podman.busyboxImage();
    await startPlatform();
    await ecs.createCluster({ clusterName: CLUSTER });
    await ecs.registerTaskDefinition({
      family: SERVICE,
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "web", image, command: ["sh", "-c", PROGRAM], stopTimeout: 5 }],
    });
    await ecs.createService({
      cluster: CLUSTER,
      serviceName: SERVICE,
      taskDefinition: SERVICE,
      desiredCount: 2,
      launchType: "FARGATE",
      networkConfiguration: NETWORK,
    });
    await untilRunning(2);
  });

  after(async () => {
    await platform?.end();
    await podman?.close();
    execFileSync("umount", ["--lazy", disk]);
  });

  test("tasks that are killed come back, as many as are desired", async () => {
    const before = await containers();
    await podman.run("kill", ...before);
    await until("told of it", async () => (await service()).runningCount! < 2);
    await untilRunning(2);
    assert.equal((await containers()).filter((id) => before.includes(id)).length, 0);
    const { taskArns } = await ecs.listTasks({ cluster: CLUSTER, desiredStatus: "STOPPED" });
    const { tasks } = await ecs.describeTasks({ cluster: CLUSTER, tasks: taskArns! });
    assert.deepEqual(
      tasks!.map(({ stopCode, containers: [web] = [] }) => [stopCode, web!.exitCode]),
      [
        ["EssentialContainerExited", 137],
        ["EssentialContainerExited", 137],
      ],
    );
  });

  test("a platform that is killed finds its tasks again, starts those that are missing, and none twice", async () => {
    const before = await containers();
    await platform.end("SIGKILL");
    assert.deepEqual(await containers(), before);
    await podman.run("kill", before[0]!);
    await startPlatform();
    await until("two again", async () => {
      const now = await containers();
      return now.length === 2 && !now.includes(before[0]!);
    });
    await untilRunning(2);
    assert.ok((await containers()).includes(before[1]!), "the task that went on is the one that was there before");
    assert.equal((await ecs.listTasks({ cluster: CLUSTER })).taskArns!.length, 2);
  });

  test("an engine that is frozen: an error that says so; what was asked for meanwhile is done once it answers", async () => {
    podman.service().kill("SIGSTOP");
    await ecs.updateService({ cluster: CLUSTER, service: SERVICE, desiredCount: 3 });
    await assert.rejects(
      ecs.runTask({ cluster: CLUSTER, taskDefinition: SERVICE, launchType: "FARGATE", networkConfiguration: NETWORK }),
      /container engine at \S+podman\.sock did not answer within \d+ seconds\. .*frozen/,
    );
    podman.service().kill("SIGCONT");
    await untilRunning(3);
    await ecs.updateService({ cluster: CLUSTER, service: SERVICE, desiredCount: 2 });
    await untilRunning(2);
  });

  test("an engine that is ended and started again: tasks go on, and are watched", async () => {
    const before = await containers();
    await podman.endService("SIGKILL");
    await assert.rejects(
      ecs.runTask({ cluster: CLUSTER, taskDefinition: SERVICE, launchType: "FARGATE", networkConfiguration: NETWORK }),
      /container engine at \S+podman\.sock does not answer/,
    );
    await podman.startService();
    assert.deepEqual(await containers(), before);
    await podman.run("kill", before[0]!);
    await until("another", async () => !(await containers()).includes(before[0]!) && (await containers()).length === 2);
    await untilRunning(2);
    assert.ok((await containers()).includes(before[1]!));
  });

  test("a disk that is full: tasks say so; once there is room the count comes back", async () => {
    const before = await containers();
    const ballast = join(disk, "ballast");
    // To the last block.
    execFileSync("sh", [
      "-c",
      `dd if=/dev/zero of=${ballast} bs=64k 2>/dev/null; dd if=/dev/zero of=${ballast}2 bs=4k 2>/dev/null; true`,
    ]);
    await podman.run("kill", before[0]!);
    let reasons: string[] = [];
    await until("told why", async () => {
      const { taskArns } = await ecs.listTasks({ cluster: CLUSTER, desiredStatus: "STOPPED" });
      const { tasks } = await ecs.describeTasks({ cluster: CLUSTER, tasks: taskArns!.slice(-100) });
      reasons = tasks!.map(({ stoppedReason = "" }) => stoppedReason);
      return reasons.some((reason) => /no space left on device/.test(reason));
    });
    assert.ok(
      reasons.some((reason) => /^Cannot(?:Start|Create)ContainerError: .*no space left on device/.test(reason)),
      reasons.join("\n"),
    );
    rmSync(ballast);
    rmSync(`${ballast}2`);
    await untilRunning(2);
    assert.ok((await containers()).includes(before[1]!));
  });
});
