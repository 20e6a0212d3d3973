/** `virga bill`: what each resource used, what that costs on AWS, and what a server that never sleeps would have cost. */
import type { CostExplorerClient, Group, GroupDefinition, ResultByTime } from "@aws-sdk/client-cost-explorer";
import { compare, type Step } from "../metering/always-on.ts";
import { MONTH_HOURS, PRICE_LIST } from "../metering/prices.ts";
import { costExplorerClient } from "./clients.ts";
import { type ClientOptions, runningTarget } from "./endpoint.ts";
import { EXIT_USAGE, Failure } from "./failure.ts";
import { bold, dim, print, printJson, table } from "./terminal.ts";

export interface BillOptions extends ClientOptions {
  readonly since?: string;
  readonly by?: string;
  readonly project?: string;
  readonly json?: boolean;
}

const HOUR_MS = 3_600_000;
/** Cost Explorer tells hours of the last two weeks; before that, days. */
const HOURLY_MS_MAX = 14 * 24 * HOUR_MS;
const UNITS_MS = { h: HOUR_MS, d: 24 * HOUR_MS } as const;
/** Everything that is not a credit: the whole bill, for an API that wants a filter. */
const EVERYTHING = { Not: { Dimensions: { Key: "RECORD_TYPE", Values: ["Credit"] } } } as const;

interface Row {
  readonly service: string;
  /** A resource, or a tag's value. */
  readonly subject: string;
  readonly dollars: number;
}

export async function bill(options: BillOptions): Promise<void> {
  const nowMs = Date.now();
  const tag = tagOf(options.by);
  const project = projectionOf(options.project);
  const fromMs = sinceOf(options.since ?? "24h", nowMs);
  const isHourly = nowMs - fromMs <= HOURLY_MS_MAX;
  const stepMs = isHourly ? HOUR_MS : 24 * HOUR_MS;
  const window = {
    Start: hour(fromMs - (fromMs % stepMs)),
    End: hour(nowMs - (nowMs % stepMs) + stepMs),
    Granularity: isHourly ? "HOURLY" : "DAILY",
  } as const;
  const client = await costExplorerClient(await runningTarget(options));

  const service: GroupDefinition = { Type: "DIMENSION", Key: "SERVICE" };
  const subject: GroupDefinition =
    tag === undefined ? { Type: "DIMENSION", Key: "RESOURCE_ID" } : { Type: "TAG", Key: tag };
  const rows = summed(await asked(client, window, [service, subject]), tag);
  const usage = await asked(client, window, [{ Type: "DIMENSION", Key: "USAGE_TYPE" }]);
  const total = rows.reduce((sum, { dollars }) => sum + dollars, 0);
  const comparison = compare(usage.map(stepOf), stepMs, nowMs);
  const server = comparison?.server;
  const breakEven = comparison?.cheaperAboveRequestsPerSecond;

  if (options.json) {
    printJson({
      prices: PRICE_LIST,
      window: { start: window.Start, end: window.End },
      rows,
      total,
      ...(project && comparison
        ? {
            projection: {
              month: comparison.dollarsPerMonth,
              replacedByServer: comparison.replacedPerMonth,
              observedHours: comparison.observedHours,
            },
          }
        : {}),
      ...(server ? { alwaysOn: { ...server, cheaperAboveRequestsPerSecond: breakEven } } : {}),
    });
    return;
  }
  print(
    bold(`${window.Start} to ${window.End}, prices of ${PRICE_LIST.region} as of ${PRICE_LIST.asOf}, no free tier`),
  );
  if (rows.length === 0) {
    print("Nothing was used.");
    return;
  }
  print(
    table([
      ["SERVICE", tag === undefined ? "RESOURCE" : tag.toUpperCase(), "USD"],
      ...rows.map(({ service, subject, dollars }) => [service, subject, money(dollars)]),
      ["", "total", money(total)],
    ]),
  );
  if (project && comparison) {
    print(
      `A month of this: ${money(comparison.dollarsPerMonth)} USD ${dim(`(${MONTH_HOURS} hours at the pace of the ${comparison.observedHours.toFixed(1)} hours observed)`)}`,
    );
  }
  if (server) {
    const size = `${server.tasks} × ${server.cpu} vCPU, ${server.memoryGb} GB on Fargate`;
    print(
      `A server that never sleeps, for the same peak: ${money(server.dollarsPerMonth)} USD a month ${dim(`(${size})`)}`,
    );
    if (project && comparison)
      print(
        `Of a month of this it would replace ${money(comparison.replacedPerMonth)} USD: ${dim("functions, tasks and API requests; the rest it needs too.")}`,
      );
    if (breakEven !== undefined)
      print(
        `It would be cheaper above ${breakEven < 10 ? breakEven.toFixed(2) : Math.round(breakEven)} requests a second, day and night.`,
      );
  }
}

async function asked(
  client: CostExplorerClient,
  {
    Start,
    End,
    Granularity,
  }: { readonly Start: string; readonly End: string; readonly Granularity: "HOURLY" | "DAILY" },
  GroupBy: GroupDefinition[],
): Promise<readonly ResultByTime[]> {
  const { GetCostAndUsageWithResourcesCommand } = await import("@aws-sdk/client-cost-explorer");
  const { ResultsByTime = [] } = await client.send(
    new GetCostAndUsageWithResourcesCommand({
      TimePeriod: { Start, End },
      Granularity,
      Metrics: ["UnblendedCost", "UsageQuantity"],
      Filter: EVERYTHING as never,
      GroupBy,
    }),
  );
  return ResultsByTime;
}

const dollarsOf = ({ Metrics }: Group): number => Number(Metrics?.UnblendedCost?.Amount ?? 0);
const quantityOf = ({ Metrics }: Group): number => Number(Metrics?.UsageQuantity?.Amount ?? 0);

/** Dearest first. */
function summed(results: readonly ResultByTime[], tag: string | undefined): Row[] {
  const sums = new Map<string, Row>();
  for (const group of results.flatMap(({ Groups = [] }) => Groups)) {
    const [service, subject] = group.Keys as [string, string];
    const id = `${service} ${subject}`;
    const shown = tag === undefined ? subject : subject.slice(tag.length + 1) || "(untagged)";
    sums.set(id, { service, subject: shown, dollars: (sums.get(id)?.dollars ?? 0) + dollarsOf(group) });
  }
  return [...sums.values()].sort((left, right) => right.dollars - left.dollars);
}

const stepOf = ({ TimePeriod, Groups = [] }: ResultByTime): Step => ({
  startMs: Date.parse(TimePeriod!.Start!),
  usage: Groups.map((group) => ({
    usageType: group.Keys![0]!,
    quantity: quantityOf(group),
    dollars: dollarsOf(group),
  })),
});

function tagOf(by: string | undefined): string | undefined {
  if (by === undefined || by === "resource") return undefined;
  const tag = /^tag:(.+)$/.exec(by)?.[1];
  if (tag === undefined) throw new Failure(`--by takes resource or tag:NAME, not ${by}.`, undefined, EXIT_USAGE);
  return tag;
}

function projectionOf(project: string | undefined): boolean {
  if (project === undefined) return false;
  if (project !== "month") throw new Failure(`--project takes month, not ${project}.`, undefined, EXIT_USAGE);
  return true;
}

/** Whole hours: the ledger knows no less. */
function sinceOf(text: string, nowMs: number): number {
  const short = /^(\d+)([hd])$/.exec(text);
  const ms = short ? nowMs - Number(short[1]) * UNITS_MS[short[2] as "h" | "d"] : Date.parse(text);
  if (Number.isNaN(ms)) throw new Failure(`--since takes 5h, 2d or a time, not ${text}.`, undefined, EXIT_USAGE);
  return ms - (ms % HOUR_MS);
}

const hour = (ms: number): string => new Date(ms).toISOString().replace(".000Z", "Z");

/** At least six decimals: much of what a developer runs costs less than a cent. */
const money = (dollars: number): string => (dollars >= 100 ? dollars.toFixed(2) : dollars.toFixed(6));
