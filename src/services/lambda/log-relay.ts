/**
 * Carries what functions write to CloudWatch Logs, beside the invocation and not in its way: lines are gathered for a moment and sent
 * stream by stream. A group or stream that is missing is made.
 */
import { AwsError } from "../../kernel/errors.ts";
import { batches, type Line } from "../logs-common/batches.ts";
import type { FlowContext } from "../service.ts";
import type { LogSink } from "./ports.ts";

/** Lines wait this long for company. */
const GATHER_MS = 50;
/** Lines that may wait; beyond that the oldest of their stream are dropped and the log says so. */
const WAITING_MAX = 100_000;

interface Stream {
  readonly accountId: FlowContext["accountId"];
  readonly region: FlowContext["region"];
  readonly logGroupName: string;
  readonly logStreamName: string;
  lines: Line[];
}

export interface LogRelay {
  readonly sink: LogSink;
  /** Begins to send; lines that came before are sent now. */
  open(flow: FlowContext): void;
  /** Sends what waits. */
  flush(): Promise<void>;
}

export function createLogRelay(): LogRelay {
  const streams = new Map<string, Stream>();
  let flow: FlowContext | undefined;
  let waiting = 0;
  let scheduled = false;
  let sending: Promise<void> = Promise.resolve();

  const schedule = () => {
    if (scheduled || !flow || streams.size === 0) return;
    scheduled = true;
    flow.clock.at(flow.clock.nowMs() + GATHER_MS, () => {
      scheduled = false;
      void flush();
    });
  };

  const flush = (): Promise<void> => {
    const batch = [...streams.values()];
    streams.clear();
    waiting = 0;
    const platform = flow;
    if (platform && batch.length > 0) {
      sending = sending.then(async () => {
        await Promise.all(batch.map((stream) => send(platform, stream)));
      });
    }
    return sending;
  };

  return {
    sink(spec, logStreamName, lines) {
      const id = `${spec.accountId} ${spec.region} ${spec.logGroup} ${logStreamName}`;
      let stream = streams.get(id);
      if (!stream) {
        stream = {
          accountId: spec.accountId as Stream["accountId"],
          region: spec.region as Stream["region"],
          logGroupName: spec.logGroup,
          logStreamName,
          lines: [],
        };
        streams.set(id, stream);
      }
      for (const { timestampMs, message } of lines) {
        if (message.length > 0) stream.lines.push({ timestamp: Math.floor(timestampMs), message });
      }
      waiting += lines.length;
      if (waiting > WAITING_MAX && stream.lines.length > 1) {
        const dropped = stream.lines.length >> 1;
        flow?.log.warn("Log lines of a function were dropped: they came faster than they can be stored", {
          dropped,
          stream: id,
        });
        stream.lines = stream.lines.slice(dropped);
        waiting -= dropped;
      }
      schedule();
    },
    open(platform) {
      flow = platform;
      schedule();
    },
    flush,
  };
}

async function send(platform: FlowContext, stream: Stream): Promise<void> {
  const { accountId, region, logGroupName, logStreamName } = stream;
  const flow = platform.as({ accountId, region });
  const target = { logGroupName, logStreamName };
  try {
    for (const logEvents of batches(stream.lines)) {
      try {
        await flow.call("logs", "PutLogEvents", { ...target, logEvents });
      } catch (error) {
        if (!(error instanceof AwsError) || error.code !== "ResourceNotFoundException") throw error;
        await create(flow, target);
        await flow.call("logs", "PutLogEvents", { ...target, logEvents });
      }
    }
  } catch (error) {
    platform.log.warn("Log lines of a function could not be stored", { ...target, error });
  }
}

async function create(flow: FlowContext, target: { logGroupName: string; logStreamName: string }): Promise<void> {
  const existing = (error: unknown) => {
    if (!(error instanceof AwsError) || error.code !== "ResourceAlreadyExistsException") throw error;
  };
  await flow.call("logs", "CreateLogGroup", { logGroupName: target.logGroupName }).catch(existing);
  await flow.call("logs", "CreateLogStream", target).catch(existing);
}
