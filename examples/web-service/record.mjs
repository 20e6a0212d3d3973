// Puts the example under load and writes down what it does about it: measured use, tasks wanted, tasks running. Takes about ten minutes.
//
//     virga start &      an engine that holds the image web-service:latest
//     node examples/web-service/record.mjs docs/web-service
//
// writes docs/web-service.json and docs/web-service.svg. AWS_ENDPOINT_URL says where; http://localhost:4566 unless set.
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
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

/** The phases of the run, in minutes from its start. */
const END = 9;
const PHASES = [
  { from: 0, to: 4, what: "processor", path: "/work?ms=40", workers: 3 },
  { from: 4, to: 7, what: "nobody asks" },
  { from: 7, to: END, what: "a little", path: "/work?ms=10", everyMs: 300, workers: 1 },
];
const WORKING_DAY = 8;
/** After the run. */
const EVENING = 59;

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

async function load({ from, to, path, workers = 0, everyMs = 0, before, after }) {
  await pause(Math.max(0, startMs + from * MINUTE_MS - Date.now()));
  if (!path) return;
  const first = await ask("/");
  firstAnswers.push({ minute: minutes(), ...first });
  console.log(`${minutes().toFixed(1)}: first answer ${first.status} after ${first.ms.toFixed(0)} ms`);
  // Often enough that every task has heard it.
  if (before) for (let i = 0; i < 24; i++) await ask(before);
  await Promise.all(
    Array.from({ length: workers }, async () => {
      while (minutes() < to) {
        const { status } = await ask(path);
        answers.count++;
        if (status !== 200) answers.failed++;
        await pause(everyMs || 5);
      }
    }),
  );
  if (after) for (let i = 0; i < 24; i++) await ask(after);
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
const metric = (Id, Namespace, MetricName) => ({
  Id,
  MetricStat: { Metric: { Namespace, MetricName, Dimensions: dimensions }, Period: 60, Stat: "Average" },
});
const { MetricDataResults } = await cloudwatch.getMetricData({
  StartTime: new Date(startMs),
  EndTime: new Date(),
  MetricDataQueries: [
    metric("cpu", "AWS/ECS", "CPUUtilization"),
    metric("memory", "AWS/ECS", "MemoryUtilization"),
    metric("sent", "ECS/ContainerInsights", "NetworkTxBytes"),
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
const run = {
  end: END,
  phases: PHASES.map(({ from, to, what }) => ({ from, to, what })),
  workingDay: WORKING_DAY,
  evening: EVENING,
  samples,
  measured,
  firstAnswers,
  answers,
};
writeFileSync(`${output}.json`, `${JSON.stringify(run)}\n`);
writeFileSync(`${output}.svg`, draw(run));
console.log(`${answers.count} answers, ${answers.failed} failed. Wrote ${output}.svg`);
await cloudformation.deleteStack({ StackName: stack });
