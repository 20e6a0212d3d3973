/**
 * Events for EventBridge's default bus: every event of a bucket that asked for it, in a structure of its own.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
import type { OperationContext, Principal } from "../../service.ts";
import { bucketArn } from "../buckets.ts";
import type { BucketRecord } from "../state.ts";
import { type ObjectEvent, responseIds } from "./document.ts";
import type { EventName } from "./event-types.ts";

/** How EventBridge calls it, which request caused it, and what sort of deletion it was. */
const TOLD: Readonly<
  Record<EventName, { readonly type: string; readonly reason?: string; readonly deletion?: string }>
> = {
  "ObjectCreated:Put": { type: "Object Created", reason: "PutObject" },
  "ObjectCreated:Post": { type: "Object Created", reason: "POST Object" },
  "ObjectCreated:Copy": { type: "Object Created", reason: "CopyObject" },
  "ObjectCreated:CompleteMultipartUpload": { type: "Object Created", reason: "CompleteMultipartUpload" },
  "ObjectRemoved:Delete": { type: "Object Deleted", reason: "DeleteObject", deletion: "Permanently Deleted" },
  "ObjectRemoved:DeleteMarkerCreated": {
    type: "Object Deleted",
    reason: "DeleteObject",
    deletion: "Delete Marker Created",
  },
  "ObjectTagging:Put": { type: "Object Tags Added" },
  "ObjectTagging:Delete": { type: "Object Tags Deleted" },
};

/** The account that asked, or the service. */
const requester = (principal: Principal): string =>
  principal.type === "service" ? principal.service : principal.type === "anonymous" ? "anonymous" : principal.accountId;

/** The default bus belongs to EventBridge itself, and takes what AWS's services tell without anybody's consent. */
const EVENT_BRIDGE: Principal = { type: "service", service: "events.amazonaws.com" };

export function tellEventBridge(context: OperationContext, bucket: BucketRecord, event: ObjectEvent): void {
  const { type, reason, deletion } = TOLD[event.name];
  const Detail = JSON.stringify({
    version: "0",
    bucket: { name: bucket.name },
    object: {
      key: event.objectName,
      size: event.size,
      etag: event.etag,
      "version-id": event.versionId,
      sequencer: event.sequencer,
    },
    "request-id": responseIds(context.requestId).requestId,
    requester: requester(context.principal),
    "source-ip-address": context.sourceIp,
    reason,
    "deletion-type": deletion,
  });
  const entry = {
    Source: "aws.s3",
    DetailType: type,
    Detail,
    Resources: [bucketArn(bucket.name)],
    Time: new Date(context.nowMs),
  };
  const { accountId, region } = bucket;
  context.call("events", "PutEvents", { Entries: [entry] }, { principal: EVENT_BRIDGE, accountId, region });
}
