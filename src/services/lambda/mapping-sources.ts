/** What a mapping reads from: a queue or a stream, asked with the function's own role, as the pollers will. */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { parseShardIterator } from "../dynamodb-common/positions.ts";
import type { FlowContext, Principal } from "../service.ts";
import { invalidParameterValue } from "./errors.ts";
import type { SourceKind } from "./mapping-settings.ts";
import type { FunctionLocator } from "./names.ts";
import type { VersionRecord } from "./state.ts";
import type { Functions } from "./stored.ts";
import { describeStream } from "./stream-poller.ts";

export interface MappingTarget {
  readonly at: FunctionLocator;
  readonly record: VersionRecord;
}

/** Where reading begins: the next sequence of a shard, or past its end. */
export interface Start {
  readonly shardId: string;
  readonly sequence: number;
  readonly done: boolean;
}

/** @throws InvalidParameterValueException, NotImplemented for sources that Virga does not have */
export function sourceKind(eventSourceArn: string | undefined): SourceKind {
  const source = eventSourceArn === undefined ? undefined : parseArn(eventSourceArn);
  if (!source) throw invalidParameterValue("Unrecognized event source.");
  if (source.service === "sqs") return source.resource.endsWith(".fifo") ? "fifo-queue" : "queue";
  if (source.service === "dynamodb") {
    if (/^table\/[^/]+\/stream\/.+$/.test(source.resource)) return "stream";
    throw invalidParameterValue("Unrecognized event source.");
  }
  throw notImplemented(`event source mappings from ${source.service}`);
}

/** The address of a queue by its ARN. */
export function queueUrl(flow: Pick<FlowContext, "endpoint">, queueArn: string): string {
  const { accountId, resource } = parseArn(queueArn)!;
  return `${flow.endpoint}/${accountId}/${resource}`;
}

const roleOf = async (functions: Functions, flow: FlowContext, target: MappingTarget): Promise<Principal> =>
  (await functions.roles.assume(flow, target.record.role, target.at.name)).principal;

const isDenied = (error: AwsError): boolean => error.status === 403 || error.code.startsWith("AccessDenied");

/** @throws InvalidParameterValueException */
export async function checkQueue(
  functions: Functions,
  flow: FlowContext,
  queueArn: string,
  target: MappingTarget,
): Promise<void> {
  const principal = await roleOf(functions, flow, target);
  let visibilitySeconds: number;
  try {
    const { Attributes } = await flow.call(
      "sqs",
      "GetQueueAttributes",
      { QueueUrl: queueUrl(flow, queueArn), AttributeNames: ["VisibilityTimeout"] },
      { principal },
    );
    visibilitySeconds = Number(Attributes!.VisibilityTimeout);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (isDenied(error)) {
      throw invalidParameterValue(
        "The provided execution role does not have permissions to call ReceiveMessage on SQS",
      );
    }
    throw invalidParameterValue(
      `Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: ${error.message}`,
    );
  }
  const { timeoutSeconds } = target.record;
  if (visibilitySeconds < timeoutSeconds) {
    throw invalidParameterValue(
      `Queue visibility timeout: ${visibilitySeconds} seconds is less than Function timeout: ${timeoutSeconds} seconds`,
    );
  }
}

/**
 * The ends of a stream's shards: where a mapping that begins with the latest record goes on.
 * @throws InvalidParameterValueException when the stream is not there, or the role may not read it
 */
export async function streamEnds(
  functions: Functions,
  flow: FlowContext,
  streamArn: string,
  target: MappingTarget,
): Promise<Start[]> {
  const principal = await roleOf(functions, flow, target);
  try {
    const { shards } = await describeStream(flow, streamArn, principal);
    const ends: Start[] = [];
    for (const { ShardId, SequenceNumberRange: range } of shards) {
      const { ShardIterator } = await flow.call(
        "dynamodbstreams",
        "GetShardIterator",
        { StreamArn: streamArn, ShardId, ShardIteratorType: "LATEST" },
        { principal },
      );
      const { sequence } = parseShardIterator(ShardIterator!)!;
      ends.push({ shardId: ShardId!, sequence, done: range?.EndingSequenceNumber !== undefined });
    }
    return ends;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (isDenied(error)) {
      throw invalidParameterValue(
        `Cannot access stream ${streamArn}. Please ensure the role can perform the GetRecords, GetShardIterator, DescribeStream, and ListStreams Actions on your stream in IAM.`,
      );
    }
    throw invalidParameterValue(`Stream not found: ${streamArn}`);
  }
}
