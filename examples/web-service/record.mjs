// Puts the example under load and writes down what it does about it: measured use, tasks wanted, tasks running. Takes 35 minutes: the way
// down wants fifteen quiet ones.
//
//     virga start &      an engine that holds the image web-service:latest
//     node examples/web-service/record.mjs docs/web-service
//
// writes docs/web-service.json and docs/web-service.svg. AWS_ENDPOINT_URL says where; http://localhost:4566 unless set.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { ApplicationAutoScaling } from "@aws-sdk/client-application-auto-scaling";
import { CloudFormation, waitUntilStackCreateComplete } from "@aws-sdk/client-cloudformation";
import { CloudWatch } from "@aws-sdk/client-cloudwatch";
import { ECS } from "@aws-sdk/client-ecs";
import { draw } from "./draw.mjs";

const endpoint = process.env.AWS_ENDPOINT_URL ?? "http://localhost:4566";
const output = process.argv[2] ?? "web-service";
const SAMPLE_MS = 5000;
const MINUTE_MS = 60_000;

const settings = {
  endpoint,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
};
const cloudformation = new CloudFormation(settings);
const cloudwatch = new CloudWatch(settings);
const ecs = new ECS(settings);
const scaling = new ApplicationAutoScaling(settings);

/** The phases of the run, in minutes from its start. `megabytes`: what each task holds; `sent`: bytes a second that each task sends. */
const END = 34;
const PHASES = [
  { from: 0, to: 4, what: "processor", path: "/work?ms=40", workers: 3 },
  { from: 4, to: 8, what: "network", path: "/bytes", sent: 650_000, workers: 1 },
  { from: 8, to: 21, what: "a little", path: "/work?ms=10", everyMs: 300, workers: 1 },
  { from: 21, to: 25, what: "memory", path: "/work?ms=10", everyMs: 300, workers: 1, megabytes: 300 },
  { from: 25, to: 28.5, what: "nobody asks" },
  { from: 28.5, to: 31, what: "a little", path: "/work?ms=10", everyMs: 300, workers: 1 },
  { from: 31, to: END, what: "nobody asks" },
];
/** When the scheduled actions set the minimum to 2, and back to 0. */
const WORKING_DAY = 30;
const EVENING = 32;

const cron = (ms) => {
  const date = new Date(ms);
  return `cron(${date.getUTCMinutes()} ${date.getUTCHours()} * * ? *)`;
};

// Scheduled actions happen at whole minutes, so the run begins at one.
const startMs = Math.ceil((Date.now() + 45_000) / MINUTE_MS) * MINUTE_MS;
const stack = "web-service-run";
const body = readFileSync(new URL("template.yaml", import.meta.url), "utf8").replaceAll("Europe/Berlin", "UTC");
const parameter = (ParameterKey, value) => ({ ParameterKey, ParameterValue: String(value) });
await cloudformation.createStack({
  StackName: stack,
  TemplateBody: body,
  Capabilities: ["CAPABILITY_IAM"],
  Parameters: [
    parameter("MinCapacity", 0),
    parameter("MaxCapacity", 6),
    parameter("WorkingDay", cron(startMs + WORKING_DAY * MINUTE_MS)),
    parameter("Evening", cron(startMs + EVENING * MINUTE_MS)),
  ],
});
await waitUntilStackCreateComplete(
  { client: cloudformation, maxWaitTime: 300, minDelay: 1, maxDelay: 2 },
  { StackName: stack },
);
const { Stacks } = await cloudformation.describeStacks({ StackName: stack });
const outputs = Object.fromEntries(Stacks[0].Outputs.map(({ OutputKey, OutputValue }) => [OutputKey, OutputValue]));
const { Cluster: cluster, Service: service } = outputs;
const host = new URL(outputs.Url).host;
console.log(`Deployed ${service}; the run begins at ${new Date(startMs).toISOString()}`);

// Names under .localhost are loopback: the platform finds the load balancer by its host name.
const ask = async (path) => {
  const from = performance.now();
  const { request } = await import("node:http");
  const { hostname, port } = new URL(endpoint);
  const status = await new Promise((resolve) => {
    const sent = request({ hostname, port, path, headers: { host } }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    });
    sent.on("error", () => resolve(0)).end();
  });
  return { status, ms: performance.now() - from };
};

const samples = [];
const answers = { count: 0, failed: 0 };
const firstAnswers = [];
const minutes = () => (Date.now() - startMs) / MINUTE_MS;

async function sample() {
  while (minutes() < END) {
    const { services } = await ecs.describeServices({ cluster, services: [service] });
    const { desiredCount, runningCount } = services[0];
    samples.push({ minute: minutes(), desired: desiredCount, running: runningCount });
    await pause(SAMPLE_MS);
  }
}

/** Requests that many a second are far more than there are tasks, so every task hears it. */
const HOLD_REQUESTS = 24;
const SEND_EVERY_MS = 100;

async function load({ from, to, path, workers = 0, everyMs = 5, sent, megabytes }) {
  await pause(Math.max(0, startMs + from * MINUTE_MS - Date.now()));
  if (!path) return;
  const first = await ask("/");
  firstAnswers.push({ minute: minutes(), ...first });
  console.log(`${minutes().toFixed(1)}: first answer ${first.status} after ${first.ms.toFixed(0)} ms`);
  const hold = async (mb) => {
    for (let i = 0; i < HOLD_REQUESTS; i++) await ask(`/hold?mb=${mb}`);
  };
  if (megabytes) await hold(megabytes);
  const running = samples.at(-1)?.running ?? 1;
  const kb = sent && Math.round((sent * running * SEND_EVERY_MS) / 1000 / 1024);
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (minutes() < to) {
        const began = performance.now();
        const { status } = await ask(sent ? `${path}?kb=${kb}` : path);
        answers.count++;
        if (status !== 200) answers.failed++;
        await pause(sent ? Math.max(0, SEND_EVERY_MS - (performance.now() - began)) : everyMs);
      }
    }),
  );
  if (megabytes) await hold(0);
}

await Promise.all([
  sample(),
  (async () => {
    for (const phase of PHASES) await load(phase);
  })(),
]);

const dimensions = [
  { Name: "ClusterName", Value: cluster },
  { Name: "ServiceName", Value: service },
];
const metric = (Id, Namespace, MetricName, Dimensions = dimensions) => ({
  Id,
  MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: 60, Stat: "Average" },
});
const { MetricDataResults } = await cloudwatch.getMetricData({
  StartTime: new Date(startMs),
  EndTime: new Date(),
  MetricDataQueries: [
    metric("cpu", "AWS/ECS", "CPUUtilization"),
    metric("memory", "AWS/ECS", "MemoryUtilization"),
    metric("sent", "WebService", "SentBytesPerSecond", [{ Name: "Service", Value: stack }]),
  ],
});
const measured = Object.fromEntries(
  MetricDataResults.map(({ Id, Timestamps, Values }) => [
    Id,
    Timestamps.map((time, index) => ({ minute: (time.getTime() - startMs) / MINUTE_MS, value: Values[index] })).sort(
      (left, right) => left.minute - right.minute,
    ),
  ]),
);
// What moved the count: a policy by its name, else the limits.
const { ScalingActivities } = await scaling.describeScalingActivities({
  ServiceNamespace: "ecs",
  ResourceId: `service/${cluster}/${service}`,
});
const moves = ScalingActivities.map(({ StartTime, Description, Cause }) => ({
  minute: (StartTime.getTime() - startMs) / MINUTE_MS,
  to: Number(/count to (\d+)/.exec(Description)?.[1]),
  by: /triggered policy (\S+)$/.exec(Cause)?.[1] ?? "the minimum",
})).filter(({ minute }) => minute >= 0 && minute <= END);
const run = {
  end: END,
  phases: PHASES.map(({ from, to, what }) => ({ from, to, what })),
  workingDay: WORKING_DAY,
  evening: EVENING,
  samples,
  moves,
  measured,
  firstAnswers,
  answers,
};
writeFileSync(`${output}.json`, `${JSON.stringify(run)}\n`);
writeFileSync(`${output}.svg`, draw(run));
console.log(`${answers.count} answers, ${answers.failed} failed. Wrote ${output}.svg`);
await cloudformation.deleteStack({ StackName: stack });
