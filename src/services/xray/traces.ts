/** The operations on traces. What they answer from is in memory: the platform's spans of late, and what clients sent. */
import { AwsError } from "../../kernel/errors.ts";
import type { Span, SpanSink } from "../../kernel/trace.ts";
import type { Flow, InputOf, OutputOf } from "../service.ts";
import { compileFilter, InvalidExpression, type TraceFilter } from "./filter-expression.ts";
import { DocumentRefused, documentOf, spansOf } from "./segments.ts";
import { factsOf, summaryOf, tracesOf } from "./summaries.ts";

/** Where spans are kept. */
export interface XrayPorts extends SpanSink {
  /** Oldest first. */
  recent(): Iterable<Span>;
}

const SUMMARIES_PER_PAGE = 100;
const TRACES_PER_BATCH = 5;
const DOCUMENTS_MAX = 50;
const RANGE_MS_MAX = 24 * 3_600_000;

const invalidRequest = (message: string) => new AwsError("InvalidRequestException", message, 400);

/**
 * Traces of the given time, the newest first.
 * @see https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
 * @throws InvalidRequestException
 */
export function getTraceSummaries(
  ports: XrayPorts,
): Flow<InputOf<"xray", "GetTraceSummaries">, OutputOf<"xray", "GetTraceSummaries">> {
  return async (flow, input) => {
    if (input.StartTime === undefined || input.EndTime === undefined)
      throw invalidRequest("StartTime and EndTime are required");
    const [fromMs, untilMs] = [input.StartTime.getTime(), input.EndTime.getTime()];
    if (fromMs > untilMs) throw invalidRequest("Start time must be before end time");
    if (untilMs - fromMs > RANGE_MS_MAX) throw invalidRequest("Time range cannot be longer than 24 hours");
    const range = input.TimeRangeType ?? "TraceId";
    if (range !== "TraceId" && range !== "Event") throw invalidRequest(`The time range type ${range} is not supported`);
    const passes = filterOf(input.FilterExpression);
    const all = [...tracesOf(ports.recent(), flow.accountId)].map(([traceId, spans]) => factsOf(traceId, spans));
    const wanted = all
      .filter((facts) => {
        const startMs = range === "TraceId" ? Number.parseInt(facts.traceId.slice(2, 10), 16) * 1000 : facts.startMs;
        // Ids know whole seconds.
        return startMs >= fromMs - (range === "TraceId" ? 999 : 0) && startMs <= untilMs && passes(facts);
      })
      .sort((a, b) => b.startMs - a.startMs || (a.traceId < b.traceId ? 1 : -1));
    const skipped = input.NextToken === undefined ? 0 : pageOf(input.NextToken);
    const page = wanted.slice(skipped, skipped + SUMMARIES_PER_PAGE);
    const more = skipped + page.length < wanted.length;
    return {
      TraceSummaries: page.map(summaryOf),
      ApproximateTime: new Date(flow.clock.nowMs()),
      TracesProcessedCount: all.length,
      ...(more ? { NextToken: Buffer.from(String(skipped + page.length)).toString("base64url") } : {}),
    };
  };
}

function pageOf(token: string): number {
  const skipped = Number(Buffer.from(token, "base64url").toString("latin1"));
  if (!Number.isInteger(skipped) || skipped < 0) throw invalidRequest("The NextToken is not valid");
  return skipped;
}

function filterOf(expression: string | undefined): TraceFilter {
  if (expression === undefined || expression.trim() === "") return () => true;
  try {
    return compileFilter(expression);
  } catch (error) {
    if (error instanceof InvalidExpression) throw invalidRequest(`Invalid filter expression: ${error.message}`);
    throw error;
  }
}

/**
 * @see https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
 * @throws InvalidRequestException
 */
export function batchGetTraces(
  ports: XrayPorts,
): Flow<InputOf<"xray", "BatchGetTraces">, OutputOf<"xray", "BatchGetTraces">> {
  return async (flow, input) => {
    const ids = input.TraceIds;
    if (!ids || ids.length === 0) throw invalidRequest("TraceIds must not be empty");
    if (ids.length > TRACES_PER_BATCH)
      throw invalidRequest(`At most ${TRACES_PER_BATCH} traces may be asked for at once`);
    const wanted = new Set(ids);
    const kept = [...ports.recent()].filter(({ traceId }) => wanted.has(traceId));
    const traces = tracesOf(kept, flow.accountId);
    return {
      Traces: [...traces].map(([traceId, spans]) => {
        const facts = factsOf(traceId, spans);
        return {
          Id: traceId,
          Duration: facts.durationMs / 1000,
          LimitExceeded: false,
          Segments: facts.spans.map((span) => ({ Id: span.id, Document: JSON.stringify(documentOf(span)) })),
        };
      }),
      UnprocessedTraceIds: ids.filter((id) => !traces.has(id)),
    };
  };
}

/**
 * Segments of an application that traces itself.
 * @see https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html
 * @throws InvalidRequestException
 */
export function putTraceSegments(
  ports: XrayPorts,
): Flow<InputOf<"xray", "PutTraceSegments">, OutputOf<"xray", "PutTraceSegments">> {
  return async (flow, input) => {
    const documents = input.TraceSegmentDocuments;
    if (!documents) throw invalidRequest("TraceSegmentDocuments is required");
    if (documents.length > DOCUMENTS_MAX)
      throw invalidRequest(`At most ${DOCUMENTS_MAX} documents may be sent at once`);
    const unprocessed: Array<{ Id?: string; ErrorCode: string; Message: string }> = [];
    for (const document of documents) {
      try {
        for (const span of spansOf(document, flow)) ports.record(span);
      } catch (error) {
        if (!(error instanceof DocumentRefused)) throw error;
        unprocessed.push({
          ...(error.id === undefined ? {} : { Id: error.id }),
          ErrorCode: error.code,
          Message: error.message,
        });
      }
    }
    return { UnprocessedTraceSegments: unprocessed };
  };
}
