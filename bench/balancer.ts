/** An application load balancer against a bare reverse proxy of the same kind, both before the same server: requests a second, and latency. */
import { createServer } from "node:net";
import { join } from "node:path";
import { load, median, paired, report, root, start, startEcho, startVirga, stop, type Virga } from "./measure.ts";

const SECONDS = 2;
const ROUNDS = 3;
const LATENCIES = 500;
const CONNECTIONS = 32;
/** A service in front of others may not cost much more than the least that there is. */
const BUDGET = 0.5;

const elb = (virga: Virga, action: string, parameters: Record<string, string>) =>
  virga.query("elasticloadbalancing", "2015-12-01", action, parameters);

const arnIn = (text: string, name: string): string => new RegExp(`<${name}>([^<]+)`).exec(text)![1]!;

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });
}

async function balance(virga: Virga, target: number): Promise<number> {
  const port = await freePort();
  const known = await virga.query("ec2", "2016-11-15", "DescribeSubnets", {});
  const [first, second] = [...known.matchAll(/<subnetId>([^<]+)/g)].map(([, id]) => id!);
  const made = await elb(virga, "CreateLoadBalancer", {
    Name: "bench",
    "Subnets.member.1": first!,
    "Subnets.member.2": second!,
  });
  const LoadBalancerArn = arnIn(made, "LoadBalancerArn");
  const group = await elb(virga, "CreateTargetGroup", {
    Name: "bench",
    Protocol: "HTTP",
    Port: "80",
    VpcId: arnIn(known, "vpcId"),
    TargetType: "ip",
  });
  const TargetGroupArn = arnIn(group, "TargetGroupArn");
  await elb(virga, "RegisterTargets", {
    TargetGroupArn,
    "Targets.member.1.Id": "127.0.0.1",
    "Targets.member.1.Port": String(target),
  });
  await elb(virga, "CreateListener", {
    LoadBalancerArn,
    Protocol: "HTTP",
    Port: String(port),
    "DefaultActions.member.1.Type": "forward",
    "DefaultActions.member.1.TargetGroupArn": TargetGroupArn,
  });
  for (let tries = 0; tries < 100; tries++) {
    const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
    if (answer?.ok) return port;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the load balancer did not begin to answer");
}

async function latencyMs(port: number): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n < LATENCIES; n++) {
    const from = performance.now();
    await (await fetch(`http://127.0.0.1:${port}/`)).arrayBuffer();
    times.push(performance.now() - from);
  }
  return median(times);
}

export async function balancer(): Promise<void> {
  const target = await startEcho(1024);
  const bare = await start([join(root, "bench/proxy.ts"), String(target.port)], /port (\d+)/);
  const barePort = Number(bare.match[1]);
  const virga = await startVirga(["--ephemeral"]);
  try {
    const port = await balance(virga, target.port);
    const request = (to: number) => Buffer.from(`GET / HTTP/1.1\r\nHost: localhost:${to}\r\n\r\n`);
    const rate = (to: number) => () => load(to, CONNECTIONS, SECONDS, request(to));
    const rates = await paired(ROUNDS, rate(port), rate(barePort));
    report({
      what: `load balancer, 1 KB, ${CONNECTIONS} connections`,
      measured: `${Math.round(rates.measured)}/s`,
      against: `${Math.round(rates.against)}/s bare proxy`,
      ratio: rates.ratio,
      budget: `≥ ${BUDGET}`,
      met: rates.ratio >= BUDGET,
    });
    const latency = await paired(
      ROUNDS,
      () => latencyMs(port),
      () => latencyMs(barePort),
    );
    const added = latency.measured - latency.against;
    report({
      what: "load balancer, one request at a time",
      measured: `${latency.measured.toFixed(2)} ms`,
      against: `${latency.against.toFixed(2)} ms bare proxy`,
      ratio: latency.ratio,
      budget: "≤ 1 ms more",
      met: added <= 1,
    });
  } finally {
    await stop(virga.child);
    await stop(bare.child);
    await stop(target.child);
  }
}
