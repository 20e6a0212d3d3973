/** How queues and topics are told: by a call to their own service, in the transaction of the caller. */
import { parseArn, type Region } from "../../../kernel/arn.ts";
import type { OperationContext, Principal } from "../../service.ts";
import { bucketArn } from "../buckets.ts";
import type { BucketRecord } from "../state.ts";

type Owner = Pick<BucketRecord, "name" | "accountId">;

/** S3 itself, acting for a bucket. */
export const servicePrincipal = (bucket: Owner): Principal => ({
  type: "service",
  service: "s3.amazonaws.com",
  sourceArn: bucketArn(bucket.name),
  sourceAccount: bucket.accountId,
});

/** @throws AwsError when the queue is gone or does not allow it */
export function tellQueue(context: OperationContext, bucket: Owner, arn: string, body: string): void {
  const { accountId, resource, region } = parseArn(arn)!;
  context.call(
    "sqs",
    "SendMessage",
    { QueueUrl: `${context.endpoint}/${accountId}/${resource}`, MessageBody: body },
    { principal: servicePrincipal(bucket), region: region as Region },
  );
}

/** @throws AwsError when the topic is gone or does not allow it */
export function tellTopic(context: OperationContext, bucket: Owner, arn: string, body: string): void {
  context.call(
    "sns",
    "Publish",
    { TopicArn: arn, Message: body, Subject: "Amazon S3 Notification" },
    { principal: servicePrincipal(bucket) },
  );
}
