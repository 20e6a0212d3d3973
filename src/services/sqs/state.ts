/**
 * What SQS keeps. A queue's messages lie under its generation, a name that changes when the queue is purged or deleted, so that both are one write;
 * what lies under an old generation is swept in steps.
 *
 *     ("sqs", account, region, "queue", name)              → Queue
 *     ("sqs", account, region, "move", sourceName, taskId) → MoveTask
 *     ("sqs-data", generation)                             → Counters: next sequence number, messages kept
 *     ("sqs-data", generation, "body", sequence)           → Body: what was sent; never changes
 *     ("sqs-data", generation, "lease", sequence)          → Lease: how often received, until when invisible; absent until it matters
 *
 *     standard: ("sqs-data", generation, "visible", visibleMs, sequence)  → 1 once received, else 0
 *     FIFO:     ("sqs-data", generation, "line", group, sequence)         → 0
 *               ("sqs-data", generation, "group", group)                  → Group: which are in flight, when it is ready
 *               ("sqs-data", generation, "ready", readyMs, group)         → 0
 *               ("sqs-data", generation, "dedup", scope, id)              → Deduplication
 *               ("sqs-data", generation, "dedup-end", endMs, scope, id)   → 0
 *               ("sqs-data", generation, "attempt", id)                   → Attempt
 *
 * A body is written once and keyed by its sequence number: what is sent together lies together. Receiving rewrites a lease of a few bytes.
 */
import type { MessageAttributeValue } from "@aws-sdk/client-sqs";
import { type Key, key, numberedKey } from "../../storage/keys.ts";
import { defineRecord } from "../../storage/records.ts";

export interface QueueAttributes {
  readonly VisibilityTimeout: number;
  readonly MaximumMessageSize: number;
  readonly MessageRetentionPeriod: number;
  readonly DelaySeconds: number;
  readonly ReceiveMessageWaitTimeSeconds: number;
  readonly SqsManagedSseEnabled: boolean;
  readonly Policy?: string;
  readonly RedrivePolicy?: { readonly deadLetterTargetArn: string; readonly maxReceiveCount: number };
  readonly RedriveAllowPolicy?: {
    readonly redrivePermission: "allowAll" | "denyAll" | "byQueue";
    readonly sourceQueueArns?: readonly string[];
  };
  readonly FifoQueue: boolean;
  readonly ContentBasedDeduplication: boolean;
  readonly DeduplicationScope: "queue" | "messageGroup";
  readonly FifoThroughputLimit: "perQueue" | "perMessageGroupId";
}

export interface Queue {
  readonly name: string;
  readonly accountId: string;
  readonly region: string;
  readonly generation: string;
  readonly createdMs: number;
  readonly modifiedMs: number;
  readonly purgedMs?: number;
  readonly attributes: QueueAttributes;
  readonly tags: Readonly<Record<string, string>>;
}
export const Queues = defineRecord<Queue>("sqs.Queue", 1);
export const queueKey = (accountId: string, region: string, name: string): Key =>
  key("sqs", accountId, region, "queue", name);

export interface Counters {
  readonly nextSequence: number;
  readonly messages: number;
  /** When the sweep of expired messages is due; absent when none is set. */
  readonly sweepMs?: number;
}
export const QueueCounters = defineRecord<Counters>("sqs.Counters", 1);
export const countersKey = (generation: string): Key => key("sqs-data", generation);

export interface Body {
  readonly id: string;
  readonly text: string;
  readonly md5: string;
  readonly attributes?: Readonly<Record<string, MessageAttributeValue>>;
  readonly attributesMd5?: string;
  readonly sentMs: number;
  /** Retention counts from here; kept when a message moves to a standard dead-letter queue. */
  readonly enqueuedMs: number;
  readonly visibleMs: number;
  readonly senderId: string;
  readonly traceHeader?: string;
  /** X-Ray header of whoever sent it, where the message itself carries none: for Virga's own pollers. */
  readonly cause?: string;
  readonly groupId?: string;
  readonly deduplicationId?: string;
  /** The queue it was moved from by a redrive policy. */
  readonly sourceArn?: string;
}
export const Bodies = defineRecord<Body>("sqs.Body", 1);
export const bodyKey = (generation: string, sequence: number): Key => numberedKey(stemsOf(generation).body, sequence);

export interface Lease {
  /** Invisible until then. */
  readonly visibleMs: number;
  readonly receives: number;
  readonly firstReceivedMs: number;
}
export const Leases = defineRecord<Lease>("sqs.Lease", 1);
export const leaseKey = (generation: string, sequence: number): Key => numberedKey(stemsOf(generation).lease, sequence);

export const visibleKey = (generation: string, visibleMs: number, sequence: number): Key =>
  numberedKey(stemsOf(generation).visible, visibleMs, sequence);

/** What the keys of a generation's messages begin with: every receive makes dozens of them. */
function stemsOf(generation: string) {
  let known = stems.get(generation);
  if (!known) {
    if (stems.size >= STEMS_MAX) stems.clear();
    const stem = (kind: string) => key("sqs-data", generation, kind);
    known = { body: stem("body"), lease: stem("lease"), visible: stem("visible") };
    stems.set(generation, known);
  }
  return known;
}
const STEMS_MAX = 1024;
const stems = new Map<string, { readonly body: Key; readonly lease: Key; readonly visible: Key }>();

export interface Group {
  /** Sequence numbers that were received and neither deleted nor timed out, with the end of their leases. */
  readonly inFlight: readonly { readonly sequence: number; readonly visibleMs: number }[];
  /** When its next message may be received. */
  readonly readyMs: number;
}
export const Groups = defineRecord<Group>("sqs.Group", 1);
export const groupKey = (generation: string, group: string): Key => key("sqs-data", generation, "group", group);
export const lineKey = (generation: string, group: string, sequence: number): Key =>
  key("sqs-data", generation, "line", group, sequence);
export const readyKey = (generation: string, readyMs: number, group: string): Key =>
  key("sqs-data", generation, "ready", readyMs, group);

export interface Deduplication {
  readonly messageId: string;
  readonly sequence: number;
  readonly endMs: number;
}
export const Deduplications = defineRecord<Deduplication>("sqs.Deduplication", 1);
export const dedupKey = (generation: string, scope: string, id: string): Key =>
  key("sqs-data", generation, "dedup", scope, id);
export const dedupEndKey = (generation: string, endMs: number, scope: string, id: string): Key =>
  key("sqs-data", generation, "dedup-end", endMs, scope, id);

/** What a receive request attempt was answered with. */
export interface Attempt {
  readonly endMs: number;
  readonly received: readonly { readonly sequence: number; readonly receives: number }[];
}
export const Attempts = defineRecord<Attempt>("sqs.Attempt", 1);
export const attemptKey = (generation: string, id: string): Key => key("sqs-data", generation, "attempt", id);

export interface MoveTask {
  readonly id: string;
  readonly sourceName: string;
  readonly destinationArn?: string;
  readonly maxPerSecond?: number;
  readonly status: "RUNNING" | "COMPLETED" | "CANCELLING" | "CANCELLED" | "FAILED";
  readonly startedMs: number;
  readonly moved: number;
  readonly toMove: number;
  readonly failureReason?: string;
  /** Messages sent after the start are not moved. */
  readonly beforeSequence: number;
}
export const MoveTasks = defineRecord<MoveTask>("sqs.MoveTask", 1);
export const moveTaskKey = (accountId: string, region: string, sourceName: string, id: string): Key =>
  key("sqs", accountId, region, "move", sourceName, id);

/** Woken whenever a message of this generation may have become receivable. */
export const topicOf = (generation: string): string => `sqs:${generation}`;
