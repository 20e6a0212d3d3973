/**
 * The event document, member by member as S3 writes it.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 */
import { createHash } from "node:crypto";
import type { AccountId } from "../../../kernel/arn.ts";
import type { OperationContext, Principal } from "../../service.ts";
import { bucketArn } from "../buckets.ts";
import type { BucketRecord } from "../state.ts";
import type { EventName } from "./event-types.ts";

/** What happened to which object. */
export interface ObjectEvent {
  readonly name: EventName;
  readonly objectName: string;
  readonly size?: number;
  readonly etag?: string;
  /** As the API shows it; absent in buckets without versioning. */
  readonly versionId?: string | undefined;
  /** Orders the events of one key. Absent where nothing was written or removed. */
  readonly sequencer?: string;
}

/** The ids by which S3 answers, as in its reply's headers. */
export const responseIds = (requestId: string): { readonly requestId: string; readonly hostId: string } => ({
  requestId: requestId.replaceAll("-", "").slice(0, 16).toUpperCase(),
  hostId: Buffer.from(requestId).toString("base64"),
});

/** `A3NL1KOZZKEXAMPLE`: how S3 names an account in events. */
function customerId(accountId: AccountId): string {
  const digest = createHash("sha256").update(`virga customer ${accountId}`).digest("hex");
  return `A${BigInt(`0x${digest}`).toString(36).toUpperCase().slice(0, 13)}`;
}

function principalId(principal: Principal): string {
  switch (principal.type) {
    case "root":
      return customerId(principal.accountId);
    case "user":
      return `AWS:${principal.userId}`;
    case "assumed-role":
      return `AWS:${principal.roleId}:${principal.sessionName}`;
    case "service":
      return `AWS:${principal.service}`;
    case "anonymous":
      return "Anonymous";
  }
}

/** Keys are written as in a form: spaces as `+`, slashes as they are. */
export const encodedKey = (objectName: string): string =>
  encodeURIComponent(objectName)
    .replaceAll("%20", "+")
    .replaceAll("%2F", "/")
    .replace(/[!'()~]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

/** Changes of tags have the newer version of the structure; their objects have no place in the order of writes. */
const versionOf = (name: EventName): string => (name.startsWith("ObjectTagging") ? "2.3" : "2.1");

export function eventDocument(
  context: OperationContext,
  bucket: BucketRecord,
  configurationId: string,
  event: ObjectEvent,
): string {
  const { requestId, hostId } = responseIds(context.requestId);
  return JSON.stringify({
    Records: [
      {
        eventVersion: versionOf(event.name),
        eventSource: "aws:s3",
        awsRegion: bucket.region,
        eventTime: new Date(context.nowMs).toISOString(),
        eventName: event.name,
        userIdentity: { principalId: principalId(context.principal) },
        requestParameters: { sourceIPAddress: context.sourceIp ?? "127.0.0.1" },
        responseElements: { "x-amz-request-id": requestId, "x-amz-id-2": hostId },
        s3: {
          s3SchemaVersion: "1.0",
          configurationId,
          bucket: {
            name: bucket.name,
            ownerIdentity: { principalId: customerId(bucket.accountId) },
            arn: bucketArn(bucket.name),
          },
          object: {
            key: encodedKey(event.objectName),
            size: event.size,
            eTag: event.etag,
            versionId: event.versionId,
            sequencer: event.sequencer,
          },
        },
      },
    ],
  });
}
