/**
 * What S3 measures and bills: requests by class, bytes for as long as they are kept, and bytes that leave.
 * @see https://aws.amazon.com/s3/pricing/ and https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
 */
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import type { FlowContext, Flows, OperationContext, Operations } from "../service.ts";
import { changeLevel } from "../usage-common/level.ts";
import { transferOut } from "../usage-common/transfer.ts";
import { storedKey } from "./state.ts";

/** PUT, COPY, POST and LIST cost more than GET and the rest; deleting is free. */
const FREE = /^(?:Delete|AbortMultipartUpload)/;
const TIER_1 = /^(?:Put|Copy|Create|Complete|Upload|List)/;

export function tierOf(operation: string): "Requests-Tier1" | "Requests-Tier2" | undefined {
  if (FREE.test(operation)) return undefined;
  return TIER_1.test(operation) ? "Requests-Tier1" : "Requests-Tier2";
}

/** The request metric that counts an operation beside AllRequests. */
function countedAs(operation: string): string {
  if (/^List/.test(operation)) return "ListRequests";
  if (/^Head/.test(operation)) return "HeadRequests";
  if (/^Get/.test(operation)) return "GetRequests";
  if (/^Delete|^Abort/.test(operation)) return "DeleteRequests";
  return /^(?:Create|Complete)/.test(operation) ? "PostRequests" : "PutRequests";
}

export const bucketArn = (bucket: string): string => `arn:aws:s3:::${bucket}`;

export function meteredOperations(operations: Operations<"s3">): Operations<"s3"> {
  return wrapped(operations, (name, run) => (tx: Transaction, input: any, context: OperationContext) => {
    const output = run(tx, input, context);
    count(name, input, context);
    return output;
  });
}

/** A flow's request is counted once the flow has done its work. */
export function meteredFlows(flows: Flows<"s3">): Flows<"s3"> {
  return wrapped(flows, (name, run) => async (flow: FlowContext, input: any) => {
    const output = await run(flow, input);
    count(name, input, flow);
    if (name === "PutObject" || name === "UploadPart")
      measure(flow, input.Bucket, "BytesUploaded", Number(flow.http?.headers["content-length"] ?? 0), "Bytes");
    if (name === "GetObject") {
      const bytes = output.ContentLength ?? 0;
      measure(flow, input.Bucket, "BytesDownloaded", bytes, "Bytes");
      if (isOutside(flow)) transferOut(flow, bucketArn(input.Bucket), bytes);
    }
    return output;
  });
}

/** A request that ends in an error is counted, and not billed. */
export function failedRequest(on: Pick<OperationContext, "measure">, input: any, error: unknown): void {
  const status = error instanceof AwsError ? error.status : 500;
  if (typeof input?.Bucket !== "string" || status < 400) return;
  measure(on, input.Bucket, "AllRequests", 1);
  measure(on, input.Bucket, status < 500 ? "4xxErrors" : "5xxErrors", 1);
}

/** Who asks over HTTP, or reads a website as a stranger, is out on the internet; a role's session is code that runs beside the bucket. */
const isOutside = ({ http, principal }: FlowContext): boolean =>
  principal.type === "anonymous" || (http !== undefined && principal.type !== "assumed-role");

function wrapped<T extends object>(table: T, wrap: (name: string, run: (...values: any[]) => any) => unknown): T {
  return Object.fromEntries(Object.entries(table).map(([name, run]) => [name, wrap(name, run)])) as T;
}

function count(
  operation: string,
  input: { readonly Bucket?: string },
  on: Pick<OperationContext, "use" | "measure">,
): void {
  const bucket = input.Bucket ?? "*";
  const tier = tierOf(operation);
  if (tier) on.use({ resource: bucketArn(bucket), usageType: tier, quantity: 1 });
  if (input.Bucket === undefined) return;
  measure(on, bucket, "AllRequests", 1);
  measure(on, bucket, countedAs(operation), 1);
}

function measure(
  on: Pick<OperationContext, "measure">,
  bucket: string,
  name: string,
  value: number,
  unit: "Count" | "Bytes" = "Count",
): void {
  on.measure({
    namespace: "AWS/S3",
    name,
    dimensions: { BucketName: bucket, FilterId: "EntireBucket" },
    unit,
    value,
  });
}

/** An object (a version) came to a bucket, or went. */
export function changeStored(
  tx: Transaction,
  context: Pick<OperationContext, "use" | "nowMs">,
  bucket: string,
  change: { readonly objects: 1 | -1; readonly bytes: number },
): void {
  changeLevel(context, bucketArn(bucket), "TimedStorage-ByteHrs", change.bytes);
  tx.add(storedKey(bucket, "objects"), change.objects);
  tx.add(storedKey(bucket, "bytes"), change.bytes);
}
