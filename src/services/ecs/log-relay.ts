/**
 * Carries what containers write to CloudWatch Logs, as the awslogs driver does: lines are gathered for a moment and sent stream by stream.
 * @see https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
 */
import type { LogConfiguration } from "@aws-sdk/client-ecs";
import type { Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { batches, type Line } from "../logs-common/batches.ts";
import type { FlowContext, Principal } from "../service.ts";
import type { TaskRecord } from "./state.ts";

/** Lines wait this long for company. */
const GATHER_MS = 200;
/** Lines of a stream that may wait; beyond that the oldest are dropped and the log says so. */
const WAITING_MAX = 50_000;

export interface Stream {
  readonly region: Region;
  readonly logGroupName: string;
  readonly logStreamName: string;
  readonly create: boolean;
}

export interface LogRelay {
  /** Where a container's lines go. */
  expect(key: string, container: string, stream: Stream, principal: Principal): void;
  line(key: string, container: string, line: { readonly timestampMs: number; readonly text: string }): void;
  /** A task has ended; what waits is sent first. */
  forget(key: string): void;
  flush(): Promise<void>;
}

/** `PREFIX/CONTAINER/TASK` */
export const streamOf = (task: TaskRecord, container: string, { options = {} }: LogConfiguration): Stream => ({
  region: options["awslogs-region"] as Region,
  logGroupName: options["awslogs-group"]!,
  logStreamName: `${options["awslogs-stream-prefix"]}/${container}/${task.id}`,
  create: options["awslogs-create-group"] === "true",
});

/** Makes sure that there is a stream to write to. @returns when its latest line was written. @throws AwsError as the agent words it */
export async function openStream(flow: FlowContext, stream: Stream, principal: Principal): Promise<number | undefined> {
  const { region, logGroupName, logStreamName, create } = stream;
  const as = { region, principal };
  const unlessThere = (error: unknown) => {
    if (!(error instanceof AwsError) || error.code !== "ResourceAlreadyExistsException") throw error;
  };
  try {
    if (create) await flow.call("logs", "CreateLogGroup", { logGroupName }, as).catch(unlessThere);
    await flow.call("logs", "CreateLogStream", { logGroupName, logStreamName }, as).catch(unlessThere);
    const { logStreams } = await flow
      .as({ region })
      .call("logs", "DescribeLogStreams", { logGroupName, logStreamNamePrefix: logStreamName, limit: 1 }, SELF);
    return logStreams?.[0]?.lastEventTimestamp;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw new AwsError(
      "ResourceInitializationError",
      `ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ${error.code}: ${error.message}`,
    );
  }
}

/** Virga looks where it left off, whatever the task's role may. */
const SELF = { principal: { type: "service", service: "ecs.amazonaws.com" } as const };

interface Waiting {
  readonly key: string;
  readonly flow: FlowContext;
  readonly stream: Stream;
  lines: Line[];
  forgotten: boolean;
}

export function createLogRelay(flow: FlowContext): LogRelay {
  const streams = new Map<string, Waiting>();
  let scheduled = false;
  let sending: Promise<void> = Promise.resolve();

  const flush = (): Promise<void> => {
    const full = [...streams.values()].filter(({ lines }) => lines.length > 0);
    const batches = full.map((waiting) => ({ waiting, lines: waiting.lines.splice(0) }));
    for (const [id, { forgotten, lines }] of streams) if (forgotten && lines.length === 0) streams.delete(id);
    sending = sending.then(async () => {
      await Promise.all(batches.map(({ waiting, lines }) => send(waiting, lines)));
    });
    return sending;
  };

  return {
    expect(key, container, stream, principal) {
      streams.set(`${key} ${container}`, {
        key,
        flow: flow.as({ accountId: accountOf(principal) ?? flow.accountId, region: stream.region, principal }),
        stream,
        lines: [],
        forgotten: false,
      });
    },
    line(key, container, { timestampMs, text }) {
      const waiting = streams.get(`${key} ${container}`);
      if (!waiting || text === "") return;
      waiting.lines.push({ timestamp: timestampMs || flow.clock.nowMs(), message: text });
      if (waiting.lines.length > WAITING_MAX) {
        const dropped = waiting.lines.splice(0, WAITING_MAX >> 1).length;
        flow.log.warn("Log lines of a task were dropped: they came faster than they can be stored", {
          dropped,
          task: key,
        });
      }
      if (scheduled) return;
      scheduled = true;
      flow.clock.at(flow.clock.nowMs() + GATHER_MS, () => {
        scheduled = false;
        void flush();
      });
    },
    forget(key) {
      for (const waiting of streams.values()) if (waiting.key === key) waiting.forgotten = true;
      void flush();
    },
    flush,
  };
}

const accountOf = (principal: Principal) => ("accountId" in principal ? principal.accountId : undefined);

async function send({ flow, stream }: Waiting, lines: Line[]): Promise<void> {
  const { logGroupName, logStreamName } = stream;
  try {
    for (const logEvents of batches(lines)) {
      await flow.call("logs", "PutLogEvents", { logGroupName, logStreamName, logEvents });
    }
  } catch (error) {
    flow.log.warn("Log lines of a task could not be stored", { logGroupName, logStreamName, error });
  }
}
