/** The types of events, and which of them happen here. @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html */

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  ObjectCreated: ["Put", "Post", "Copy", "CompleteMultipartUpload"],
  ObjectRemoved: ["Delete", "DeleteMarkerCreated"],
  ObjectTagging: ["Put", "Delete"],
};

/** An event as documents name it. */
export type EventName =
  | "ObjectCreated:Put"
  | "ObjectCreated:Post"
  | "ObjectCreated:Copy"
  | "ObjectCreated:CompleteMultipartUpload"
  | "ObjectRemoved:Delete"
  | "ObjectRemoved:DeleteMarkerCreated"
  | "ObjectTagging:Put"
  | "ObjectTagging:Delete";

/** S3's, of what Virga's buckets never do: they are refused by name rather than waited for. */
export const EVENTS_ELSEWHERE: ReadonlySet<string> = new Set([
  "s3:IntelligentTiering",
  "s3:LifecycleExpiration:*",
  "s3:LifecycleExpiration:Delete",
  "s3:LifecycleExpiration:DeleteMarkerCreated",
  "s3:LifecycleTransition",
  "s3:ObjectAcl:Put",
  "s3:ObjectRestore:*",
  "s3:ObjectRestore:Completed",
  "s3:ObjectRestore:Delete",
  "s3:ObjectRestore:Post",
  "s3:ReducedRedundancyLostObject",
  "s3:Replication:*",
  "s3:Replication:OperationFailedReplication",
  "s3:Replication:OperationMissedThreshold",
  "s3:Replication:OperationNotTracked",
  "s3:Replication:OperationReplicatedAfterThreshold",
]);

const BY_TYPE = new Map<string, readonly string[]>();
for (const [group, members] of Object.entries(GROUPS)) {
  BY_TYPE.set(
    `s3:${group}:*`,
    members.map((member) => `${group}:${member}`),
  );
  for (const member of members) BY_TYPE.set(`s3:${group}:${member}`, [`${group}:${member}`]);
}

export const isEventType = (type: string): boolean => BY_TYPE.has(type);

/** The events that a type stands for: `s3:ObjectRemoved:*` → both. */
export const eventsOf = (type: string): readonly string[] => BY_TYPE.get(type) ?? [];
