/**
 * Tasks on a container engine: how long one takes to start, against `podman run` of the same image; and how long the first request to a service at
 * zero waits. The engine is one of its own, in a network of its own.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { ownNetworkCommand, type Podman, startPodman, withoutPodman } from "../tools/podman.ts";
import { median, type Row, report, root, startVirga, stop, type Virga } from "./measure.ts";

const ROUNDS = 7;
/** Of `podman run` of the same image, to its first answer. */
const TASK_BUDGET = 2;
const WAKE_BUDGET = 3;
const PORT = 8080;
const TRY_EVERY_MS = 5;
const PATIENCE_MS = 60_000;

/** Runs this part again in a network of its own, and reports what it found. */
export async function containers(): Promise<void> {
  const missing = withoutPodman();
  if (missing !== undefined) {
    console.log(`  left out: ${missing}`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  const json = join(folder, "rows.json");
  const [command, ...args] = ownNetworkCommand([process.execPath, import.meta.filename, json]);
  const { status } = spawnSync(command!, args, { stdio: ["ignore", "ignore", "inherit"], cwd: root });
  if (status !== 0) throw new Error("the containers could not be measured");
  for (const row of JSON.parse(readFileSync(json, "utf8")) as Row[]) report(row);
  rmSync(folder, { recursive: true });
}

/** Milliseconds until the address answers. */
async function untilAnswer(fromMs: number, host: string): Promise<number> {
  const once = () =>
    new Promise<boolean>((resolve) => {
      const sent = get({ host, port: PORT, path: "/", timeout: 1000, agent: false }, (response) => {
        response.resume().on("end", () => resolve(true));
      });
      sent.on("error", () => resolve(false)).on("timeout", () => sent.destroy());
    });
  while (!(await once())) {
    if (performance.now() - fromMs > PATIENCE_MS) throw new Error(`${host} does not answer`);
    await pause(TRY_EVERY_MS);
  }
  return performance.now() - fromMs;
}

const SERVER = `mkdir -p /www; echo hello > /www/index.html; exec httpd -f -p ${PORT} -h /www`;
const NETWORK = { awsvpcConfiguration: { subnets: ["subnet-1"] } };

async function bare(podman: Podman, image: string): Promise<number> {
  const fromMs = performance.now();
  const id = await podman.run("run", "--detach", "--memory", "512m", "--cpus", "0.25", image, "/bin/sh", "-c", SERVER);
  const address = await podman.run("inspect", "--format", "{{.NetworkSettings.IPAddress}}", id);
  const tookMs = await untilAnswer(fromMs, address);
  await podman.run("rm", "--force", "--time", "0", id);
  return tookMs;
}

const ecs = (virga: Virga, operation: string, input: object) =>
  virga.call(`AmazonEC2ContainerServiceV20141113.${operation}`, input);

async function task(virga: Virga): Promise<number> {
  const fromMs = performance.now();
  const { tasks } = await ecs(virga, "RunTask", { taskDefinition: "bench", networkConfiguration: NETWORK });
  const { taskArn } = tasks[0];
  const address = async (): Promise<string> => {
    for (;;) {
      const { tasks: found } = await ecs(virga, "DescribeTasks", { tasks: [taskArn] });
      const known = found[0].attachments?.[0]?.details?.find(({ name }: any) => name === "privateIPv4Address")?.value;
      if (known !== undefined && known !== "") return known;
      await pause(TRY_EVERY_MS);
    }
  };
  const tookMs = await untilAnswer(fromMs, await address());
  await ecs(virga, "StopTask", { task: taskArn });
  return tookMs;
}

/** A service at zero, woken; then it sleeps again. */
async function wake(virga: Virga, host: string): Promise<number> {
  const fromMs = performance.now();
  const status = await new Promise<number>((resolve, reject) => {
    const sent = get(
      { host: "127.0.0.1", port: virga.port, path: "/", headers: { host }, agent: false },
      (response) => {
        response.resume().on("end", () => resolve(response.statusCode!));
      },
    );
    sent.on("error", reject);
  });
  const tookMs = performance.now() - fromMs;
  if (status !== 200) throw new Error(`a request to a service at zero was answered with ${status}`);
  await ecs(virga, "UpdateService", { service: "bench", desiredCount: 0 });
  for (let live = 1; live > 0; await pause(50)) {
    const { taskArns } = await ecs(virga, "ListTasks", { serviceName: "bench" });
    const { services } = await ecs(virga, "DescribeServices", { services: ["bench"] });
    live = taskArns.length + services[0].runningCount;
  }
  // Until the target has left its load balancer.
  await pause(1500);
  return tookMs;
}

async function serviceAtZero(virga: Virga): Promise<string> {
  const known = await virga.query("ec2", "2016-11-15", "DescribeSubnets", {});
  const [first, second] = [...known.matchAll(/<subnetId>([^<]+)/g)].map(([, id]) => id!);
  const elb = (action: string, parameters: Record<string, string>) =>
    virga.query("elasticloadbalancing", "2015-12-01", action, parameters);
  const one = (text: string, name: string) => new RegExp(`<${name}>([^<]+)`).exec(text)![1]!;
  const balancer = await elb("CreateLoadBalancer", {
    Name: "bench",
    "Subnets.member.1": first!,
    "Subnets.member.2": second!,
  });
  const group = await elb("CreateTargetGroup", {
    ...{ Name: "bench", Protocol: "HTTP", Port: String(PORT), TargetType: "ip", VpcId: one(known, "vpcId") },
  });
  const TargetGroupArn = one(group, "TargetGroupArn");
  await elb("ModifyTargetGroupAttributes", {
    TargetGroupArn,
    "Attributes.member.1.Key": "deregistration_delay.timeout_seconds",
    "Attributes.member.1.Value": "0",
  });
  await elb("CreateListener", {
    LoadBalancerArn: one(balancer, "LoadBalancerArn"),
    Protocol: "HTTP",
    Port: "80",
    "DefaultActions.member.1.Type": "forward",
    "DefaultActions.member.1.TargetGroupArn": TargetGroupArn,
  });
  await ecs(virga, "CreateService", {
    serviceName: "bench",
    taskDefinition: "bench",
    desiredCount: 0,
    launchType: "FARGATE",
    networkConfiguration: { awsvpcConfiguration: { subnets: [first] } },
    loadBalancers: [{ targetGroupArn: TargetGroupArn, containerName: "web", containerPort: PORT }],
  });
  await virga.call("AnyScaleFrontendService.RegisterScalableTarget", {
    ServiceNamespace: "ecs",
    ResourceId: "service/default/bench",
    ScalableDimension: "ecs:service:DesiredCount",
    MinCapacity: 0,
    MaxCapacity: 2,
  });
  return one(balancer, "DNSName");
}

async function measureContainers(): Promise<Row[]> {
  const podman = await startPodman();
  const virga = await startVirga(["--ephemeral", "--container-socket", podman.socket]);
  try {
    const image = await podman.busyboxImage();
    await ecs(virga, "CreateCluster", {});
    await ecs(virga, "RegisterTaskDefinition", {
      family: "bench",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [
        {
          name: "web",
          image,
          command: ["/bin/sh", "-c", SERVER],
          portMappings: [{ containerPort: PORT }],
          stopTimeout: 2,
        },
      ],
    });
    const host = await serviceAtZero(virga);
    const times = { bare: [] as number[], task: [] as number[], wake: [] as number[] };
    // The first of each loads code and makes networks.
    for (let round = 0; round <= ROUNDS; round++) {
      const found = [await bare(podman, image), await task(virga), await wake(virga, host)] as const;
      if (round === 0) continue;
      times.bare.push(found[0]);
      times.task.push(found[1]);
      times.wake.push(found[2]);
    }
    const against = `podman run ${median(times.bare).toFixed(0)} ms`;
    const row = (what: string, values: readonly number[], budget: number): Row => {
      const ratio = median(values.map((value, index) => value / times.bare[index]!));
      return {
        what,
        measured: `${median(values).toFixed(0)} ms`,
        against,
        ratio,
        budget: `≤ ${budget}`,
        met: ratio <= budget,
      };
    };
    return [
      row("RunTask → first answer", times.task, TASK_BUDGET),
      row("request to a service at zero → its answer", times.wake, WAKE_BUDGET),
    ];
  } finally {
    await stop(virga.child);
    await podman.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const { writeFileSync } = await import("node:fs");
  writeFileSync(process.argv[2]!, JSON.stringify(await measureContainers()));
  process.exit(0);
}
