/** For tests: a service behind a load balancer, with a real client before it and a real server in its tasks. Everything in between is Virga's. */
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { FakeContainer, FakeEngine } from "../../../containers/testing.ts";
import { openTestPlatform, type TestPlatform } from "../../../platform/testing.ts";
import { fakePorts } from "../testing.ts";

/** The service, as a scalable target. */
export const BALANCED = {
  ServiceNamespace: "ecs",
  ResourceId: "service/main/shop",
  ScalableDimension: "ecs:service:DesiredCount",
} as const;
export const DRAIN_SECONDS = 1;
/** How far time goes between two looks at whether the answer has come. */
const STEP_MS = 100;
const STEPS_MAX = 1000;

export interface Scene {
  readonly platform: TestPlatform;
  readonly engine: FakeEngine;
  /** Requests that the tasks have answered. */
  readonly served: string[];
  /** `app/web/ID/targetgroup/web/ID`, as scaling policies name what counts requests. */
  readonly resourceLabel: string;
  /** Asks the load balancer. */
  ask(path?: string): Promise<{ readonly status: number; readonly text: string }>;
  /** Lets time pass until the promise is settled. */
  during<T>(work: Promise<T>): Promise<{ readonly result: T; readonly tookMs: number }>;
  desired(): Promise<number>;
  setDesired(count: number): Promise<void>;
}

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
};

/** `shop` in the cluster `main`, with no task. */
export async function withBalancedService(run: (scene: Scene) => Promise<void>): Promise<void> {
  const served: string[] = [];
  const task = createServer((message, response) => {
    if (message.url !== "/health") served.push(message.url!);
    response.end(`answered ${message.url}`);
  });
  const published = { "80/tcp": await listening(task) };
  const ecs = fakePorts({
    prepare: ({ programs }) =>
      programs.set("web:1", (container: FakeContainer) => {
        container.published = published;
        return new Promise((resolve) => container.told.signal.addEventListener("abort", () => resolve(0)));
      }),
  });
  let front: Server | undefined;
  const platform = await openTestPlatform({
    ports: {
      ecs,
      elbv2: {
        async listen(_port, onRequest) {
          front = createServer(onRequest);
          await listening(front);
          return { close: async () => void front!.close() };
        },
      },
    },
  });
  try {
    const { Subnets } = await platform.call("ec2", "DescribeSubnets", {});
    const subnets = Subnets!.slice(0, 2).map(({ SubnetId }) => SubnetId!);
    const { LoadBalancers } = await platform.call("elbv2", "CreateLoadBalancer", { Name: "web", Subnets: subnets });
    const { TargetGroups } = await platform.call("elbv2", "CreateTargetGroup", {
      Name: "web",
      TargetType: "ip",
      Protocol: "HTTP",
      Port: 80,
      VpcId: Subnets![0]!.VpcId!,
      HealthCheckPath: "/health",
    });
    const targetGroupArn = TargetGroups![0]!.TargetGroupArn!;
    await platform.call("elbv2", "ModifyTargetGroupAttributes", {
      TargetGroupArn: targetGroupArn,
      Attributes: [{ Key: "deregistration_delay.timeout_seconds", Value: String(DRAIN_SECONDS) }],
    });
    await platform.call("elbv2", "CreateListener", {
      LoadBalancerArn: LoadBalancers![0]!.LoadBalancerArn,
      Protocol: "HTTP",
      Port: 80,
      DefaultActions: [{ Type: "forward", TargetGroupArn: targetGroupArn }],
    });
    await platform.call("ecs", "CreateCluster", { clusterName: "main" });
    await platform.call("ecs", "RegisterTaskDefinition", {
      family: "web",
      networkMode: "awsvpc",
      requiresCompatibilities: ["FARGATE"],
      cpu: "256",
      memory: "512",
      containerDefinitions: [{ name: "web", image: "web:1", portMappings: [{ containerPort: 80 }] }],
    });
    await platform.call("ecs", "CreateService", {
      cluster: "main",
      serviceName: "shop",
      taskDefinition: "web",
      desiredCount: 0,
      launchType: "FARGATE",
      networkConfiguration: { awsvpcConfiguration: { subnets } },
      loadBalancers: [{ targetGroupArn, containerName: "web", containerPort: 80 }],
    });
    await platform.advance(1000);
    await run({
      platform,
      engine: ecs.engine,
      served,
      resourceLabel: `${LoadBalancers![0]!.LoadBalancerArn!.split(":loadbalancer/")[1]}/${targetGroupArn.split(":").at(-1)}`,
      ask: (path = "/") =>
        new Promise((resolve, reject) => {
          const sent = request({ port: (front!.address() as AddressInfo).port, path, agent: false }, (response) => {
            let text = "";
            response.setEncoding("utf8");
            response.on("data", (chunk) => (text += chunk));
            response.on("end", () => resolve({ status: response.statusCode!, text }));
          });
          sent.on("error", reject).end();
        }),
      async during(work) {
        const fromMs = platform.clock.nowMs();
        let settled = false;
        const end = () => void (settled = true);
        work.then(end, end);
        // Bytes of real connections take turns of the event loop, not time.
        const turns = async () => {
          for (let turn = 0; turn < 50 && !settled; turn++) await new Promise(setImmediate);
        };
        await turns();
        for (let step = 0; step < STEPS_MAX && !settled; step++) {
          await platform.advance(STEP_MS);
          await turns();
        }
        return { result: await work, tookMs: platform.clock.nowMs() - fromMs };
      },
      async desired() {
        const { services } = await platform.call("ecs", "DescribeServices", { cluster: "main", services: ["shop"] });
        return services![0]!.desiredCount!;
      },
      async setDesired(desiredCount) {
        await platform.call("ecs", "UpdateService", { cluster: "main", service: "shop", desiredCount });
      },
    });
  } finally {
    await platform.close();
    for (const server of [task, front]) {
      server?.close();
      server?.closeAllConnections();
    }
  }
}
