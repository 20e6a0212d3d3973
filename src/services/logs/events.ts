/** Log events: put, read from one stream, search in a group. */

import { after, decodeKey, type Key } from "../../storage/keys.ts";
import type { InputOf, Operation, OutputOf } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { invalidParameter } from "./errors.ts";
import { parseFilterPattern } from "./filter-pattern.ts";
import { findMetrics } from "./metrics-found.ts";
import { constraints, LIMITS } from "./rules.ts";
import {
  eventKey,
  eventRange,
  events,
  eventsFrom,
  expiredBeforeMs,
  type GroupRecord,
  groupArn,
  groupKey,
  groups,
  type Place,
  requireGroup,
  requireStream,
  type StreamRecord,
  streamEventKey,
  streamEventRange,
  streamEvents,
  streamEventsFrom,
  streamKey,
  streams,
} from "./state.ts";
import { identifiedGroup, sequenceToken } from "./streams.ts";

/** @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html */
export const putLogEvents: Operation<InputOf<"logs", "PutLogEvents">, OutputOf<"logs", "PutLogEvents">> = (
  tx,
  input,
  context,
) => {
  const batch = checkBatch(input);
  const group = requireGroup(tx, context, input.logGroupName!);
  const stream = requireStream(tx, context, group, input.logStreamName!);

  const retentionMs = expiredBeforeMs(group, context.nowMs);
  const tooOldMs = context.nowMs - LIMITS.pastMs;
  const tooNewMs = context.nowMs + LIMITS.futureMs;
  let tooOld = 0;
  let expired = 0;
  let tooNew: number | undefined;
  let sequence = stream.nextSequence;
  let bytes = 0;
  const accepted: InputEvent[] = [];
  let { firstEventMs, lastEventMs } = stream;
  for (const [index, { timestamp, message }] of batch.entries()) {
    if (timestamp < tooOldMs) tooOld = index + 1;
    else if (timestamp < retentionMs) expired = index + 1;
    else if (timestamp > tooNewMs) tooNew ??= index;
    else {
      events.put(tx, eventKey(context, group.id, timestamp, stream.id, sequence), {
        message,
        ingestedMs: context.nowMs,
        stream: stream.name,
      });
      streamEvents.put(tx, streamEventKey(context, group.id, stream.id, timestamp, sequence), true);
      sequence++;
      accepted.push({ timestamp, message });
      bytes += Buffer.byteLength(message) + LIMITS.eventOverheadBytes;
      firstEventMs = Math.min(firstEventMs ?? timestamp, timestamp);
      lastEventMs = Math.max(lastEventMs ?? timestamp, timestamp);
    }
  }
  const next: StreamRecord = {
    ...stream,
    nextSequence: sequence,
    ...(firstEventMs === undefined ? {} : { firstEventMs }),
    ...(lastEventMs === undefined ? {} : { lastEventMs }),
    ...(sequence > stream.nextSequence ? { lastIngestionMs: context.nowMs } : {}),
  };
  streams.put(tx, streamKey(context, group.id, stream.name), next);
  groups.put(tx, groupKey(context, group.name), { ...group, storedBytes: group.storedBytes + bytes });
  findMetrics(tx, context, group, accepted);
  if (accepted.length > 0) {
    const resource = groupArn(context, group.name);
    context.use({ resource, usageType: "DataProcessing-Bytes", quantity: bytes });
    changeLevel(context, resource, "TimedStorage-ByteHrs", bytes);
    const places: Record<string, string>[] = [{}, { LogGroupName: group.name }];
    for (const dimensions of places) {
      context.measure({ namespace: "AWS/Logs", name: "IncomingBytes", dimensions, unit: "Bytes", value: bytes });
      context.measure({
        namespace: "AWS/Logs",
        name: "IncomingLogEvents",
        dimensions,
        unit: "Count",
        value: accepted.length,
      });
    }
  }
  const rejected = {
    ...(tooOld > 0 ? { tooOldLogEventEndIndex: tooOld } : {}),
    ...(expired > 0 ? { expiredLogEventEndIndex: expired } : {}),
    ...(tooNew === undefined ? {} : { tooNewLogEventStartIndex: tooNew }),
  };
  return {
    nextSequenceToken: sequenceToken(next),
    ...(Object.keys(rejected).length > 0 ? { rejectedLogEventsInfo: rejected } : {}),
  };
};

interface InputEvent {
  readonly timestamp: number;
  readonly message: string;
}

/** The whole batch is refused when it is too large, too long, or out of order. */
function checkBatch(input: InputOf<"logs", "PutLogEvents">): readonly InputEvent[] {
  const found = constraints();
  found.groupName(input.logGroupName);
  found.streamName(input.logStreamName);
  found.required("logEvents", input.logEvents);
  found.check();
  const batch = input.logEvents!;
  if (batch.length < 1 || batch.length > LIMITS.batchEvents) {
    const bound = batch.length < 1 ? "greater than or equal to 1" : `less than or equal to ${LIMITS.batchEvents}`;
    throw invalidParameter(
      `1 validation error detected: Value '[…]' at 'logEvents' failed to satisfy constraint: Member must have length ${bound}`,
    );
  }
  let bytes = 0;
  let earliest = Number.POSITIVE_INFINITY;
  let previous = Number.NEGATIVE_INFINITY;
  for (const [index, { timestamp, message }] of batch.entries()) {
    const member = `logEvents.${index + 1}.member`;
    const checked = constraints();
    checked.required(`${member}.timestamp`, timestamp);
    checked.required(`${member}.message`, message);
    checked.range(`${member}.timestamp`, timestamp, 0, Number.MAX_SAFE_INTEGER);
    checked.check();
    if (message === "") {
      throw invalidParameter(
        `1 validation error detected: Value '' at '${member}.message' failed to satisfy constraint: Member must have length greater than or equal to 1`,
      );
    }
    bytes += Buffer.byteLength(message!) + LIMITS.eventOverheadBytes;
    if (timestamp! < previous) {
      throw invalidParameter("Log events in a single PutLogEvents request must be in chronological order.");
    }
    previous = timestamp!;
    earliest = Math.min(earliest, timestamp!);
  }
  if (bytes > LIMITS.batchBytes) {
    throw invalidParameter(`Upload too large: ${bytes} bytes exceeds limit of ${LIMITS.batchBytes}`);
  }
  if (previous - earliest > LIMITS.batchSpanMs) {
    throw invalidParameter("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.");
  }
  return batch as readonly InputEvent[];
}

/** A place between the events of a stream. */
interface Position {
  readonly timestampMs: number;
  readonly sequence: number;
}

/** `f/` or `b/`, then time and sequence: 56 digits, as long as AWS's. */
const writeStreamToken = (direction: "f" | "b", { timestampMs, sequence }: Position): string =>
  `${direction}/${String(timestampMs).padStart(28, "0")}${String(sequence).padStart(28, "0")}/s`;

function readStreamToken(token: string): { readonly direction: "f" | "b"; readonly position: Position } {
  const match = /^([fb])\/(\d{28})(\d{28})\/s$/.exec(token);
  if (!match) throw invalidParameter("The specified nextToken is invalid.");
  return {
    direction: match[1] as "f" | "b",
    position: { timestampMs: Number(match[2]), sequence: Number(match[3]) },
  };
}

/**
 * A page of one stream, always in the order of time. A forward token leads to what comes after the page, a backward token to what came
 * before; at an end the same token comes back.
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
 */
export const getLogEvents: Operation<InputOf<"logs", "GetLogEvents">, OutputOf<"logs", "GetLogEvents">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.streamName(input.logStreamName);
  found.range("limit", input.limit, 1, LIMITS.responseEvents);
  found.range("startTime", input.startTime, 0, Number.MAX_SAFE_INTEGER);
  found.range("endTime", input.endTime, 0, Number.MAX_SAFE_INTEGER);
  found.check();
  const group = identifiedGroup(tx, context, input);
  const stream = requireStream(tx, context, group, input.logStreamName!);
  const at = (timestampMs: number) => streamEventsFrom(context, group.id, stream.id, timestampMs);
  const all = streamEventRange(context, group.id, stream.id);
  const fromMs = Math.max(input.startTime ?? 0, expiredBeforeMs(group, context.nowMs));
  let start: Key = fromMs > 0 ? at(fromMs) : all.start;
  let end: Key = input.endTime === undefined ? all.end : at(input.endTime);

  const token = input.nextToken === undefined ? undefined : readStreamToken(input.nextToken);
  const forward = token ? token.direction === "f" : (input.startFromHead ?? false);
  if (token) {
    const { timestampMs, sequence } = token.position;
    const place = streamEventKey(context, group.id, stream.id, timestampMs, sequence);
    if (forward) start = larger(start, after(place));
    else end = smaller(end, place);
  }

  const limit = input.limit ?? LIMITS.responseEvents;
  const page: { position: Position; timestamp: number; message: string; ingestionTime: number }[] = [];
  let bytes = 0;
  if (start < end) {
    for (const [row] of streamEvents.range(tx, start, end, { reverse: !forward })) {
      const [timestampMs, sequence] = decodeKey(row).slice(6) as [number, number];
      const event = events.get(tx, eventKey(context, group.id, timestampMs, stream.id, sequence))!;
      bytes += Buffer.byteLength(event.message) + LIMITS.eventOverheadBytes;
      if (page.length === limit || (page.length > 0 && bytes > LIMITS.responseBytes)) break;
      page.push({
        position: { timestampMs, sequence },
        timestamp: timestampMs,
        message: event.message,
        ingestionTime: event.ingestedMs,
      });
    }
  }
  if (!forward) page.reverse();
  const resting = token?.position ?? { timestampMs: forward ? fromMs : (input.endTime ?? context.nowMs), sequence: 0 };
  return {
    events: page.map(({ position: _position, ...event }) => event),
    nextForwardToken: writeStreamToken("f", page.at(-1)?.position ?? resting),
    nextBackwardToken: writeStreamToken("b", page[0]?.position ?? resting),
  };
};

const larger = (left: Key, right: Key): Key => (left > right ? left : right);
const smaller = (left: Key, right: Key): Key => (left < right ? left : right);

/**
 * Searches the streams of a group in the order of time (or its reverse). A page may hold fewer events than asked for, or none, and still have
 * a token: then there is more to search.
 * @see https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
 */
export const filterLogEvents: Operation<InputOf<"logs", "FilterLogEvents">, OutputOf<"logs", "FilterLogEvents">> = (
  tx,
  input,
  context,
) => {
  const found = constraints();
  found.range("limit", input.limit, 1, LIMITS.responseEvents);
  found.range("startTime", input.startTime, 0, Number.MAX_SAFE_INTEGER);
  found.range("endTime", input.endTime, 0, Number.MAX_SAFE_INTEGER);
  found.check();
  if (input.logStreamNames !== undefined && input.logStreamNamePrefix !== undefined) {
    throw invalidParameter("LogStream names and LogStream prefix are mutually exclusive parameters.");
  }
  // Streams are always searched together, whatever it says, as on AWS.
  const { interleaved: _deprecated, filterPattern = "" } = input;
  const matches = parseFilterPattern(filterPattern);
  const group = identifiedGroup(tx, context, input);
  for (const name of input.logStreamNames ?? []) requireStream(tx, context, group, name);
  const wanted = streamFilter(input.logStreamNames, input.logStreamNamePrefix);

  const search = searchRange(context, group, input, context.nowMs);
  const limit = input.limit ?? LIMITS.responseEvents;
  const page: NonNullable<OutputOf<"logs", "FilterLogEvents">["events"]> = [];
  let bytes = 0;
  let searched = 0;
  let last: Key | undefined;
  for (const [place, event] of events.range(tx, search.start, search.end, { reverse: search.reverse })) {
    if (searched === LIMITS.searchedEvents || page.length === limit || bytes > LIMITS.responseBytes) {
      return { events: page, searchedLogStreams: [], nextToken: writeSearchToken(search.reverse, last!) };
    }
    searched++;
    last = place;
    if (!wanted(event.stream) || !matches(event.message)) continue;
    const [timestamp, streamId, sequence] = decodeKey(place).slice(5) as [number, string, number];
    bytes += Buffer.byteLength(event.message) + LIMITS.eventOverheadBytes;
    page.push({
      logStreamName: event.stream,
      timestamp,
      message: event.message,
      ingestionTime: event.ingestedMs,
      eventId: eventId(timestamp, streamId, sequence),
    });
  }
  return { events: page, searchedLogStreams: [] };
};

function streamFilter(names: readonly string[] | undefined, prefix: string | undefined): (stream: string) => boolean {
  if (names !== undefined) {
    const set = new Set(names);
    return (stream) => set.has(stream);
  }
  return prefix === undefined ? () => true : (stream) => stream.startsWith(prefix);
}

/** 56 digits that grow with time, unique in the group. */
function eventId(timestampMs: number, streamId: string, sequence: number): string {
  const stream = BigInt(`0x${Buffer.from(streamId).toString("hex")}`);
  return `${String(timestampMs).padStart(15, "0")}${String(stream % 10n ** 29n).padStart(29, "0")}${String(sequence).padStart(12, "0")}`;
}

interface SearchRange {
  readonly start: Key;
  readonly end: Key;
  readonly reverse: boolean;
}

/** Searching backwards is offered for times since then, as on AWS. */
const BACKWARDS_SINCE_MS = Date.UTC(2024, 0, 1);

function searchRange(
  at: Place,
  group: GroupRecord,
  input: InputOf<"logs", "FilterLogEvents">,
  nowMs: number,
): SearchRange {
  const all = eventRange(at, group.id);
  const fromMs = Math.max(input.startTime ?? 0, expiredBeforeMs(group, nowMs));
  let start = fromMs > 0 ? eventsFrom(at, group.id, fromMs) : all.start;
  let end = input.endTime === undefined ? all.end : after(eventsFrom(at, group.id, input.endTime));
  let reverse = input.startFromHead === false;
  if (reverse && (input.startTime ?? BACKWARDS_SINCE_MS) < BACKWARDS_SINCE_MS) {
    throw invalidParameter(
      "Setting startFromHead to false is supported only when startTime is on or after Jan 1, 2024 00:00:00 UTC.",
    );
  }
  if (input.nextToken !== undefined) {
    const token = readSearchToken(at, group, input.nextToken);
    reverse = token.reverse;
    if (reverse) end = smaller(end, token.last);
    else start = larger(start, after(token.last));
  }
  return { start, end: larger(start, end), reverse };
}

/** Where a search stands: its direction and the last event it has looked at. */
function writeSearchToken(reverse: boolean, last: Key): string {
  const [timestampMs, streamId, sequence] = decodeKey(last).slice(5);
  return Buffer.from(JSON.stringify([reverse ? "b" : "f", timestampMs, streamId, sequence])).toString("base64url");
}

function readSearchToken(at: Place, group: GroupRecord, token: string): { reverse: boolean; last: Key } {
  try {
    const parts: unknown = JSON.parse(Buffer.from(token, "base64url").toString("utf8"));
    const [direction, timestampMs, streamId, sequence] = parts as [unknown, unknown, unknown, unknown];
    if (
      (direction === "f" || direction === "b") &&
      Number.isFinite(timestampMs) &&
      typeof streamId === "string" &&
      Number.isFinite(sequence)
    ) {
      const last = eventKey(at, group.id, timestampMs as number, streamId, sequence as number);
      return { reverse: direction === "b", last };
    }
  } catch {
    // Not one of ours: refused below.
  }
  throw invalidParameter("The specified nextToken is invalid.");
}
