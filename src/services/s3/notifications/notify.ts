/**
 * Telling what happened, in the commit of what happened: queues and topics have their message when the upload is answered, functions are
 * called from the durable outbox right after. Nothing of it can make an upload fail, and a crash in between loses nothing.
 */
import { parseArn } from "../../../kernel/arn.ts";
import { AwsError } from "../../../kernel/errors.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, OperationContext } from "../../service.ts";
import {
  type BucketRecord,
  isMarker,
  type ObjectRecord,
  sequencerKey,
  sequencers,
  type VersionRecord,
} from "../state.ts";
import { shownVersionId } from "../versions.ts";
import { filterOf, type NotificationRule, notificationsOf } from "./configuration.ts";
import { eventDocument, type ObjectEvent } from "./document.ts";
import { tellEventBridge } from "./event-bridge.ts";
import { type EventName, eventsOf } from "./event-types.ts";
import { servicePrincipal, tellQueue, tellTopic } from "./telling.ts";

/** Heard by this service: somebody has not been told yet. */
export const NOTIFICATION_OWED = "s3.NotificationOwed";

export interface OwedNotification {
  readonly bucket: Pick<BucketRecord, "name" | "accountId" | "region">;
  readonly accountId: BucketRecord["accountId"];
  readonly region: BucketRecord["region"];
  readonly kind: NotificationRule["kind"];
  readonly arn: string;
  readonly document: string;
}

const EMPTY_ETAG = "d41d8cd98f00b204e9800998ecf8427e";

/** An object was created, by whichever way. */
export function notifyCreated(
  tx: Transaction,
  context: OperationContext,
  bucket: BucketRecord,
  objectName: string,
  object: ObjectRecord,
  how: "Put" | "Post" | "Copy" | "CompleteMultipartUpload",
): void {
  if (!bucket.notifies) return;
  const { size, etag } = object;
  notify(tx, context, bucket, {
    name: `ObjectCreated:${how}`,
    objectName,
    size,
    etag,
    versionId: shownVersionId(bucket, object),
    sequencer: nextSequencer(tx, context, bucket),
  });
}

/** A version was removed for good, or a delete marker put in its place. */
export function notifyRemoved(
  tx: Transaction,
  context: OperationContext,
  bucket: BucketRecord,
  objectName: string,
  removed: VersionRecord,
  how: "Delete" | "DeleteMarkerCreated",
): void {
  if (!bucket.notifies) return;
  notify(tx, context, bucket, {
    name: `ObjectRemoved:${how}`,
    objectName,
    ...(how === "DeleteMarkerCreated" && isMarker(removed) ? { etag: EMPTY_ETAG } : {}),
    versionId: shownVersionId(bucket, removed),
    sequencer: nextSequencer(tx, context, bucket),
  });
}

export function notifyTagged(
  tx: Transaction,
  context: OperationContext,
  bucket: BucketRecord,
  objectName: string,
  object: ObjectRecord,
  how: "Put" | "Delete",
): void {
  if (!bucket.notifies) return;
  const { size, etag } = object;
  const versionId = shownVersionId(bucket, object);
  notify(tx, context, bucket, { name: `ObjectTagging:${how}`, objectName, size, etag, versionId });
}

/** Hexadecimal digits that grow with every write and removal of the bucket, so with those of each key. */
function nextSequencer(tx: Transaction, context: OperationContext, bucket: BucketRecord): string {
  const at = sequencerKey(bucket.name);
  // Microseconds, and a count where the clock does not move.
  const next = Math.max(context.nowMs * 1000, (sequencers.get(tx, at) ?? 0) + 1);
  sequencers.put(tx, at, next);
  return next.toString(16).toUpperCase().padStart(18, "0");
}

function notify(tx: Transaction, context: OperationContext, bucket: BucketRecord, event: ObjectEvent): void {
  const { rules, eventBridge } = notificationsOf(tx, bucket);
  if (eventBridge) tellEventBridge(context, bucket, event);
  for (const rule of rules) {
    if (!concerns(rule, event.name, event.objectName)) continue;
    tell(tx, context, bucket, rule, eventDocument(context, bucket, rule.id, event));
  }
}

function concerns(rule: NotificationRule, name: EventName, objectName: string): boolean {
  if (!rule.events.some((type) => eventsOf(type).includes(name))) return false;
  const { prefix, suffix } = filterOf(rule);
  return objectName.startsWith(prefix) && objectName.endsWith(suffix);
}

function tell(
  tx: Transaction,
  context: OperationContext,
  bucket: BucketRecord,
  { kind, arn }: NotificationRule,
  document: string,
): void {
  if (kind !== "function") {
    try {
      (kind === "queue" ? tellQueue : tellTopic)(context, bucket, arn, document);
      return;
    } catch (error) {
      // It may be there again later: the outbox tries for a while.
      if (!(error instanceof AwsError)) throw error;
    }
  }
  const { name, accountId, region } = bucket;
  const owed: OwedNotification = { bucket: { name, accountId, region }, accountId, region, kind, arn, document };
  tx.emit({ type: NOTIFICATION_OWED, detail: owed });
}

/** One attempt, as the outbox delivers it. @throws what the destination throws: it is tried again, further and further apart */
export async function deliverNotification(flow: FlowContext, owed: OwedNotification): Promise<void> {
  const { kind, arn, document, bucket } = owed;
  if (kind !== "function") {
    await flow.write((_tx, context) => (kind === "queue" ? tellQueue : tellTopic)(context, bucket, arn, document));
    return;
  }
  const { accountId } = parseArn(arn)!;
  await flow.call(
    "lambda",
    "Invoke",
    { FunctionName: arn, InvocationType: "Event", Payload: Buffer.from(document) },
    { principal: servicePrincipal(bucket), accountId: accountId as OwedNotification["accountId"] },
  );
}
