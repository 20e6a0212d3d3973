/** What `virga top` shows, as plain data, and where it comes from: public APIs alone. */
import type { CloudWatchClient, MetricDataQuery } from "@aws-sdk/client-cloudwatch";
import type { Target } from "../endpoint.ts";

export interface FunctionLine {
  readonly name: string;
  /** In the window, all of them. */
  readonly invocations: number;
  readonly errors: number;
  readonly throttles: number;
  readonly averageMs: number | undefined;
  readonly concurrentMax: number;
}

export interface QueueLine {
  readonly name: string;
  readonly waiting: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export interface ServiceLine {
  readonly cluster: string;
  readonly name: string;
  readonly desired: number;
  readonly running: number;
  readonly pending: number;
}

export interface Snapshot {
  readonly at: string;
  readonly windowMinutes: number;
  /** Those that ran lately, busiest first. */
  readonly functions: readonly FunctionLine[];
  readonly functionCount: number;
  /** Those with messages first. */
  readonly queues: readonly QueueLine[];
  readonly services: readonly ServiceLine[];
  /** Of today, UTC; absent where the platform does not tell. */
  readonly cost?: { readonly amount: string; readonly unit: string };
}

/** So many of each are asked about; a screen has no more room. */
const FUNCTIONS_MAX = 100;
const QUEUES_MAX = 100;
const CLUSTERS_MAX = 10;
const SERVICES_MAX = 10;
const PAGES_MAX = 20;
/** Metrics per request. @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
const QUERIES_MAX = 500;

export async function takeSnapshot(target: Target, windowMinutes: number, nowMs: number): Promise<Snapshot> {
  const [functions, functionCount, queues, services, cost] = await Promise.all([
    functionLines(target, windowMinutes, nowMs),
    countFunctions(target),
    queueLines(target),
    serviceLines(target),
    costToday(target, nowMs),
  ]);
  return {
    at: new Date(nowMs).toISOString(),
    windowMinutes,
    functions: [...functions].sort((a, b) => b.invocations - a.invocations || (a.name < b.name ? -1 : 1)),
    functionCount,
    queues: [...queues].sort((a, b) => total(b) - total(a) || (a.name < b.name ? -1 : 1)),
    services,
    ...(cost ? { cost } : {}),
  };
}

const total = ({ waiting, inFlight, delayed }: QueueLine): number => waiting + inFlight + delayed;

const clientOf = ({ endpoint, region, credentials }: Target) => ({ endpoint, region, credentials });

/** What Virga does not have, it says so; anything else is a failure. */
async function absent<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof Error && error.name === "NotImplemented") return undefined;
    throw error;
  }
}

async function countFunctions(target: Target): Promise<number> {
  const { LambdaClient, paginateListFunctions } = await import("@aws-sdk/client-lambda");
  let count = 0;
  let pages = 0;
  for await (const page of paginateListFunctions({ client: new LambdaClient(clientOf(target)) }, {})) {
    count += page.Functions?.length ?? 0;
    if (++pages >= PAGES_MAX) break;
  }
  return count;
}

const STATISTICS = [
  ["invocations", "Invocations", "Sum"],
  ["errors", "Errors", "Sum"],
  ["throttles", "Throttles", "Sum"],
  ["averageMs", "Duration", "Average"],
  ["concurrentMax", "ConcurrentExecutions", "Maximum"],
] as const;

async function functionLines(target: Target, windowMinutes: number, nowMs: number): Promise<FunctionLine[]> {
  const { CloudWatchClient, ListMetricsCommand } = await import("@aws-sdk/client-cloudwatch");
  const client = new CloudWatchClient(clientOf(target));
  const listed = await absent(
    client.send(new ListMetricsCommand({ Namespace: "AWS/Lambda", MetricName: "Invocations", RecentlyActive: "PT3H" })),
  );
  const names = (listed?.Metrics ?? []).flatMap(({ Dimensions = [] }) =>
    Dimensions.length === 1 && Dimensions[0]!.Name === "FunctionName" ? [Dimensions[0]!.Value!] : [],
  );
  const asked = [...new Set(names)].slice(0, FUNCTIONS_MAX);
  const queries = asked.flatMap((name, index) =>
    STATISTICS.map(
      ([label, MetricName, Stat]): MetricDataQuery => ({
        Id: `${label.toLowerCase()}_${index}`,
        MetricStat: {
          Metric: { Namespace: "AWS/Lambda", MetricName, Dimensions: [{ Name: "FunctionName", Value: name }] },
          Period: windowMinutes * 60,
          Stat,
        },
      }),
    ),
  );
  const values = await metricValues(client, queries, windowMinutes, nowMs);
  return asked.map((name, index) => {
    const value = (label: string) => values.get(`${label.toLowerCase()}_${index}`);
    return {
      name,
      invocations: value("invocations") ?? 0,
      errors: value("errors") ?? 0,
      throttles: value("throttles") ?? 0,
      averageMs: value("averageMs"),
      concurrentMax: value("concurrentMax") ?? 0,
    };
  });
}

/** The newest value of each query, by its id. */
async function metricValues(
  client: CloudWatchClient,
  queries: readonly MetricDataQuery[],
  windowMinutes: number,
  nowMs: number,
): Promise<Map<string, number>> {
  const { GetMetricDataCommand } = await import("@aws-sdk/client-cloudwatch");
  const found = new Map<string, number>();
  // One whole period that ends with the minute under way.
  const endMs = (Math.floor(nowMs / 60_000) + 1) * 60_000;
  const span = { StartTime: new Date(endMs - windowMinutes * 60_000), EndTime: new Date(endMs) };
  for (let at = 0; at < queries.length; at += QUERIES_MAX) {
    const MetricDataQueries = queries.slice(at, at + QUERIES_MAX);
    const { MetricDataResults = [] } = await client.send(new GetMetricDataCommand({ ...span, MetricDataQueries }));
    for (const { Id, Values } of MetricDataResults) {
      if (Values?.[0] !== undefined) found.set(Id!, Values[0]);
    }
  }
  return found;
}

const COUNTS = [
  "ApproximateNumberOfMessages",
  "ApproximateNumberOfMessagesNotVisible",
  "ApproximateNumberOfMessagesDelayed",
] as const;

async function queueLines(target: Target): Promise<QueueLine[]> {
  const { GetQueueAttributesCommand, ListQueuesCommand, SQSClient } = await import("@aws-sdk/client-sqs");
  const client = new SQSClient(clientOf(target));
  const { QueueUrls = [] } = await client.send(new ListQueuesCommand({ MaxResults: QUEUES_MAX }));
  const lines = QueueUrls.map(async (QueueUrl): Promise<QueueLine | undefined> => {
    try {
      const { Attributes } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...COUNTS] }),
      );
      const [waiting, inFlight, delayed] = COUNTS.map((name) => Number(Attributes?.[name] ?? 0)) as [
        number,
        number,
        number,
      ];
      return { name: QueueUrl.split("/").at(-1)!, waiting, inFlight, delayed };
    } catch (error) {
      // Deleted since it was listed.
      if (error instanceof Error && error.name === "QueueDoesNotExist") return undefined;
      throw error;
    }
  });
  return (await Promise.all(lines)).filter((line) => line !== undefined);
}

async function serviceLines(target: Target): Promise<ServiceLine[]> {
  const { DescribeServicesCommand, ECSClient, ListClustersCommand, ListServicesCommand } = await import(
    "@aws-sdk/client-ecs"
  );
  const client = new ECSClient(clientOf(target));
  const listed = await absent(client.send(new ListClustersCommand({ maxResults: CLUSTERS_MAX })));
  const lines: ServiceLine[] = [];
  for (const cluster of listed?.clusterArns ?? []) {
    const { serviceArns = [] } = await client.send(new ListServicesCommand({ cluster, maxResults: SERVICES_MAX }));
    if (serviceArns.length === 0) continue;
    const { services = [] } = await client.send(new DescribeServicesCommand({ cluster, services: serviceArns }));
    for (const { serviceName, desiredCount, runningCount, pendingCount } of services) {
      lines.push({
        cluster: cluster.split("/").at(-1)!,
        name: serviceName!,
        desired: desiredCount ?? 0,
        running: runningCount ?? 0,
        pending: pendingCount ?? 0,
      });
    }
  }
  return lines;
}

async function costToday(target: Target, nowMs: number): Promise<Snapshot["cost"]> {
  const { CostExplorerClient, GetCostAndUsageCommand } = await import("@aws-sdk/client-cost-explorer");
  const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
  const answer = await absent(
    new CostExplorerClient(clientOf(target)).send(
      new GetCostAndUsageCommand({
        TimePeriod: { Start: day(nowMs), End: day(nowMs + 86_400_000) },
        Granularity: "DAILY",
        Metrics: ["UnblendedCost"],
      }),
    ),
  );
  const total = answer?.ResultsByTime?.[0]?.Total?.["UnblendedCost"];
  return total?.Amount === undefined ? undefined : { amount: total.Amount, unit: total.Unit ?? "USD" };
}
