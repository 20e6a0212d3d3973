/** `virga logs`: a function's log, or any log group, and what is added to it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { CloudWatchLogsClient, FilteredLogEvent } from "@aws-sdk/client-cloudwatch-logs";
import { isCode, logsClient } from "./clients.ts";
import { type ClientOptions, runningTarget, type Target } from "./endpoint.ts";
import { EXIT_USAGE, Failure } from "./failure.ts";
import { functionByLogicalId } from "./names.ts";
import { print, printed } from "./terminal.ts";

export interface LogsOptions extends ClientOptions {
  readonly follow?: boolean;
  readonly since?: string;
  readonly filter?: string;
  readonly json?: boolean;
}

const POLL_MS = 400;
/** Events may be stored a little after their time; so far back is looked at again. */
const OVERLAP_MS = 10_000;
const UNITS_MS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export async function logs(name: string, options: LogsOptions): Promise<void> {
  const sinceMs = sinceOf(options.since ?? (options.follow ? "1m" : "1h"), Date.now());
  const target = await runningTarget(options);
  const client = await logsClient(target);
  const group = await groupOf(client, target, name, options.follow === true);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, interrupt);
  const show = (event: FilteredLogEvent) => {
    if (options.json) print(JSON.stringify(event));
    else
      print(
        `${printed.dim(new Date(event.timestamp!).toISOString())} ${printed.cyan(shortStream(event.logStreamName!))} ${event.message!.trimEnd()}`,
      );
  };
  await follow(client, group, { ...options, sinceMs }, show, stop.signal);
}

/** Reads once, or again and again until the signal aborts. */
async function follow(
  client: CloudWatchLogsClient,
  group: string,
  options: { readonly sinceMs: number; readonly follow?: boolean; readonly filter?: string },
  show: (event: FilteredLogEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let fromMs = options.sinceMs;
  let seen = new Map<string, number>();
  for (;;) {
    for await (const event of eventsSince(client, group, fromMs, options.filter)) {
      if (signal.aborted) return;
      if (seen.has(event.eventId!)) continue;
      seen.set(event.eventId!, event.timestamp!);
      show(event);
    }
    if (!options.follow || signal.aborted) return;
    const newestMs = Math.max(fromMs, ...seen.values());
    fromMs = Math.max(options.sinceMs, newestMs - OVERLAP_MS);
    seen = new Map([...seen].filter(([, timestampMs]) => timestampMs >= fromMs));
    await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
  }
}

/** Every event from a time on; none while the group does not exist. */
async function* eventsSince(
  client: CloudWatchLogsClient,
  group: string,
  startTime: number,
  filterPattern: string | undefined,
): AsyncGenerator<FilteredLogEvent> {
  const { FilterLogEventsCommand } = await import("@aws-sdk/client-cloudwatch-logs");
  let nextToken: string | undefined;
  do {
    try {
      const page = await client.send(
        new FilterLogEventsCommand({
          logGroupName: group,
          startTime,
          ...(filterPattern ? { filterPattern } : {}),
          ...(nextToken === undefined ? {} : { nextToken }),
        }),
      );
      yield* page.events ?? [];
      nextToken = page.nextToken;
    } catch (error) {
      if (!isCode(error, "ResourceNotFoundException")) throw error;
      return;
    }
  } while (nextToken);
}

/**
 * A name with a slash is a log group; else it is a function's name or logical id.
 * @param patient a group that does not exist yet will do: it appears with the first line
 * @throws Failure
 */
async function groupOf(client: CloudWatchLogsClient, target: Target, name: string, patient: boolean): Promise<string> {
  if (name.includes("/")) {
    if (patient || (await groupExists(client, name))) return name;
    throw new Failure(`There is no log group ${name}.`, "List them with `aws logs describe-log-groups`.");
  }
  if (await groupExists(client, `/aws/lambda/${name}`)) return `/aws/lambda/${name}`;
  const physical = await functionOf(target, name);
  const group = `/aws/lambda/${physical}`;
  if (patient || (await groupExists(client, group))) return group;
  throw new Failure(`${physical} has not written a log yet.`, `Run it: virga invoke ${name}`);
}

async function functionOf(target: Target, name: string): Promise<string> {
  const { GetFunctionConfigurationCommand } = await import("@aws-sdk/client-lambda");
  const { lambdaClient } = await import("./clients.ts");
  try {
    const { FunctionName } = await (await lambdaClient(target)).send(
      new GetFunctionConfigurationCommand({ FunctionName: name }),
    );
    return FunctionName!;
  } catch (error) {
    if (!isCode(error, "ResourceNotFoundException")) throw error;
    return functionByLogicalId(target, name);
  }
}

async function groupExists(client: CloudWatchLogsClient, name: string): Promise<boolean> {
  const { DescribeLogGroupsCommand } = await import("@aws-sdk/client-cloudwatch-logs");
  const { logGroups } = await client.send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name }));
  return logGroups?.some(({ logGroupName }) => logGroupName === name) === true;
}

/** `30s`, `5m`, `2h`, `1d`, or a time. @throws Failure */
export function sinceOf(text: string, nowMs: number): number {
  const match = /^(\d+)([smhd])$/.exec(text);
  if (match) return nowMs - Number(match[1]) * UNITS_MS[match[2] as keyof typeof UNITS_MS];
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) {
    throw new Failure(`${text} is no time.`, "Say 30s, 5m, 2h, 1d, or 2026-01-31T12:00:00Z.", EXIT_USAGE);
  }
  return timeMs;
}

/** `2026/01/31/[$LATEST]8f2e…` → `8f2e1c`: enough to tell workers apart. */
const shortStream = (name: string): string => name.slice(name.indexOf("]") + 1).slice(0, 6);
