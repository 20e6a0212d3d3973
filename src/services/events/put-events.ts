/** PutEvents: what comes onto a bus. */
import { parseTraceHeader } from "../../kernel/trace.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { InputOf, OperationContext, OutputOf } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { arrive } from "./arrivals.ts";
import { validation } from "./errors.ts";
import { findBus, locateBus, PUT_BYTES_MAX, PUT_ENTRIES_MAX } from "./limits.ts";
import { readJson } from "./matching.ts";
import { busArn, type Event, eventTime } from "./state.ts";

type Entry = NonNullable<InputOf<"events", "PutEvents">["Entries"]>[number];

/** Each chunk of 64 KB that begins is billed as one event. @see https://aws.amazon.com/eventbridge/pricing/ */
const BILLED_BYTES = 64 * 1024;
const TRACE_HEADER_MAX = 500;

/**
 * Each entry succeeds or fails by itself. An entry for a bus that is not there is taken and goes nowhere, as on AWS.
 * @throws ValidationException
 * @see https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
 */
export function putEvents(
  tx: Transaction,
  input: InputOf<"events", "PutEvents">,
  context: OperationContext,
): OutputOf<"events", "PutEvents"> {
  const entries = input.Entries ?? [];
  const found = new Constraints()
    .required("entries", input.Entries)
    .length("entries", input.Entries && shownEntries(entries), 1, PUT_ENTRIES_MAX);
  for (const [i, entry] of entries.entries()) {
    found.length(`entries.${i + 1}.member.traceHeader`, entry.TraceHeader, 1, TRACE_HEADER_MAX);
  }
  found.check();
  if (entries.reduce((sum, entry) => sum + entryBytes(entry), 0) > PUT_BYTES_MAX) {
    throw validation("Total size of the entries in the request is over the limit.");
  }
  const results = entries.map((entry) => putEvent(tx, entry, context));
  return { FailedEntryCount: results.filter(({ ErrorCode }) => ErrorCode !== undefined).length, Entries: results };
}

const shownEntries = (entries: readonly Entry[]): string[] =>
  entries.map(({ Source }) => `PutEventsRequestEntry(${Source})`);

interface EntryResult {
  readonly EventId?: string;
  readonly ErrorCode?: string;
  readonly ErrorMessage?: string;
}

function putEvent(tx: Transaction, entry: Entry, context: OperationContext): EntryResult {
  const refused = refusalOf(entry, context);
  if (refused) return refused;
  const at = locateBus(context, entry.EventBusName);
  const id = context.random.uuid();
  const event: Event = {
    version: "0",
    id,
    "detail-type": entry.DetailType!,
    source: entry.Source!,
    account: context.accountId,
    time: eventTime(entry.Time?.getTime() ?? context.nowMs),
    region: context.region,
    resources: entry.Resources ?? [],
    detail: readJson(entry.Detail!),
  };
  // Events of AWS's services are free.
  if (context.principal.type !== "service") {
    const quantity = Math.ceil(Buffer.byteLength(JSON.stringify(event)) / BILLED_BYTES);
    context.use({ resource: busArn(at, at.name), usageType: "Event-64K-Chunks", quantity });
  }
  // What an entry causes belongs to the trace that it names.
  const trace = entry.TraceHeader !== undefined && parseTraceHeader(entry.TraceHeader) ? entry.TraceHeader : undefined;
  const arrival = { event, arrivedMs: context.nowMs, hops: 0, ...(trace === undefined ? {} : { trace }) };
  if (findBus(tx, at, at.name)) arrive(tx, at, at.name, arrival, context);
  return { EventId: id };
}

const invalidArgument = (ErrorMessage: string): EntryResult => ({ ErrorCode: "InvalidArgument", ErrorMessage });

function refusalOf(entry: Entry, context: OperationContext): EntryResult | undefined {
  for (const name of ["Source", "DetailType", "Detail"] as const) {
    if (!entry[name]) {
      return invalidArgument(`Parameter ${name} is not valid. Reason: ${name} is a required argument.`);
    }
  }
  // What AWS's services tell, they tell themselves.
  if (/^aws\./.test(entry.Source!) && context.principal.type !== "service") {
    return { ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "Not authorized for the source." };
  }
  const detail = readJson(entry.Detail!);
  if (typeof detail !== "object" || detail === null || Array.isArray(detail)) {
    return { ErrorCode: "MalformedDetail", ErrorMessage: "Detail is malformed." };
  }
  return undefined;
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html */
function entryBytes({ Time, Source, DetailType, Detail, Resources }: Entry): number {
  const texts = [Source, DetailType, Detail, ...(Resources ?? [])];
  return (Time ? 14 : 0) + texts.reduce((sum, text) => sum + Buffer.byteLength(text ?? ""), 0);
}
