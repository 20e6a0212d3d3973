/** Spans as segment documents, which X-Ray's clients read, and the documents that clients send as spans. Pure. */
import type { AccountId, Region } from "../../kernel/arn.ts";
import type { Span } from "../../kernel/trace.ts";

/** X-Ray's origin of a segment, by Virga's service. */
const ORIGINS: Readonly<Record<string, string>> = {
  apigateway: "AWS::ApiGateway::Stage",
  apigatewayv2: "AWS::ApiGatewayV2::Stage",
  dynamodb: "AWS::DynamoDB::Table",
  ecs: "AWS::ECS::Fargate",
  elbv2: "AWS::ElasticLoadBalancingV2::LoadBalancer",
  events: "AWS::Events",
  lambda: "AWS::Lambda::Function",
  s3: "AWS::S3::Bucket",
  sns: "AWS::SNS",
  sqs: "AWS::SQS::Queue",
};

export const originOf = (service: string): string => ORIGINS[service] ?? `AWS::${service.toUpperCase()}`;

/** @see https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
export function documentOf(span: Span): object {
  const { error, attributes, resource } = span;
  const status = attributes?.["status"];
  return {
    id: span.id,
    trace_id: span.traceId,
    ...(span.parentId === undefined ? {} : { parent_id: span.parentId }),
    name: span.name,
    origin: originOf(span.service),
    start_time: span.startMs / 1000,
    end_time: (span.startMs + span.durationMs) / 1000,
    ...(resource === undefined ? {} : { resource_arn: resource }),
    aws: {
      service: span.service,
      account_id: span.accountId,
      region: span.region,
      ...(span.requestId === undefined ? {} : { request_id: span.requestId }),
    },
    ...(typeof status === "number" ? { http: { response: { status } } } : {}),
    ...(error === undefined
      ? {}
      : {
          [error.fault ? "fault" : "error"]: true,
          ...(isThrottle(error.code) ? { throttle: true } : {}),
          cause: { exceptions: [{ id: span.id, type: error.code, message: error.message }] },
        }),
    ...(attributes === undefined ? {} : { annotations: attributes }),
  };
}

export const isThrottle = (code: string): boolean =>
  /Throttl|TooManyRequests|ProvisionedThroughputExceeded|SlowDown/.test(code);

const TRACE_ID = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
const SPAN_ID = /^[0-9a-f]{16}$/;
const SUBSEGMENT_DEPTH_MAX = 16;

/** What is wrong with a document, in the code that UnprocessedTraceSegments carries. */
export class DocumentRefused extends Error {
  readonly code: string;
  readonly id: string | undefined;

  constructor(code: string, message: string, id?: string) {
    super(message);
    this.code = code;
    this.id = id;
  }
}

/**
 * A segment and the subsegments inside it, each a span. One that is still in progress is not kept: its end comes as a document of its own.
 * @throws DocumentRefused
 */
export function spansOf(text: string, at: { readonly accountId: AccountId; readonly region: Region }): Span[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new DocumentRefused("ParseError", "Invalid segment. ErrorCode: ParseError");
  }
  const spans: Span[] = [];
  collect(document as Record<string, unknown>, undefined, undefined, 0);
  return spans;

  function collect(
    node: Record<string, unknown>,
    traceId: string | undefined,
    parent: string | undefined,
    depth: number,
  ): void {
    if (typeof node !== "object" || node === null)
      throw new DocumentRefused("ParseError", "A segment is a JSON object");
    const { id, name, start_time: start, end_time: end } = node;
    const known = typeof id === "string" ? id : undefined;
    const refuse = (code: string) => new DocumentRefused(code, `Invalid segment. ErrorCode: ${code}`, known);
    const trace = typeof node["trace_id"] === "string" ? node["trace_id"] : traceId;
    if (known === undefined || !SPAN_ID.test(known)) throw refuse("InvalidId");
    if (trace === undefined || !TRACE_ID.test(trace)) throw refuse("InvalidTraceId");
    if (typeof name !== "string" || name === "" || name.length > 200) throw refuse("MissingName");
    if (typeof start !== "number") throw refuse("MissingStartTime");
    if (depth > SUBSEGMENT_DEPTH_MAX) throw refuse("SubsegmentsTooDeep");
    if (typeof end !== "number" && node["in_progress"] !== true) throw refuse("MissingEndTime");
    const parentId = typeof node["parent_id"] === "string" ? node["parent_id"] : parent;
    if (typeof end === "number") {
      spans.push({
        traceId: trace,
        id: known,
        ...(parentId === undefined ? {} : { parentId }),
        accountId: at.accountId,
        region: at.region,
        service: typeof node["namespace"] === "string" ? node["namespace"] : "application",
        name,
        startMs: start * 1000,
        durationMs: Math.max(0, (end - start) * 1000),
        ...failureOf(node),
        attributes: annotationsOf(node),
      });
    }
    const inner = node["subsegments"];
    if (Array.isArray(inner)) for (const subsegment of inner) collect(subsegment, trace, known, depth + 1);
  }
}

function failureOf(node: Record<string, any>): Pick<Span, "error"> {
  if (!node["fault"] && !node["error"] && !node["throttle"]) return {};
  const exception = node["cause"]?.exceptions?.[0] ?? {};
  return {
    error: {
      code: String(exception.type ?? (node["throttle"] ? "Throttled" : "Error")).slice(0, 256),
      message: String(exception.message ?? "").slice(0, 1024),
      fault: node["fault"] === true,
    },
  };
}

function annotationsOf(node: Record<string, any>): NonNullable<Span["attributes"]> {
  const found: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(node["annotations"] ?? {}).slice(0, 50)) {
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") found[name] = value;
  }
  const { request, response } = node["http"] ?? {};
  if (typeof request?.method === "string") found["method"] = request.method;
  if (typeof request?.url === "string") found["url"] = request.url.slice(0, 1024);
  if (typeof response?.status === "number") found["status"] = response.status;
  return found;
}
