/** Whether a destination is there and takes events from this bucket, asked when a configuration is put; queues and topics get a test event. */
import { AwsError } from "../../../kernel/errors.ts";
import type { OperationContext, Principal } from "../../service.ts";
import type { BucketRecord } from "../state.ts";
import type { NotificationRule } from "./configuration.ts";
import { responseIds } from "./document.ts";
import { servicePrincipal, tellQueue, tellTopic } from "./telling.ts";

/** @throws InvalidArgument naming the first destination that cannot be told */
export function checkDestinations(
  context: OperationContext,
  bucket: BucketRecord,
  rules: readonly NotificationRule[],
): void {
  for (const rule of rules) {
    if (rule.kind === "function") {
      checkFunction(context, bucket, rule.arn);
      continue;
    }
    try {
      (rule.kind === "queue" ? tellQueue : tellTopic)(context, bucket, rule.arn, testEvent(context, bucket));
    } catch (error) {
      if (!(error instanceof AwsError)) throw error;
      const missing = error.code === "QueueDoesNotExist" || error.code === "NotFoundException";
      throw invalidDestination(
        rule.arn,
        missing
          ? `The destination ${rule.kind} does not exist`
          : `Permissions on the destination ${rule.kind} do not allow S3 to publish notifications from this bucket`,
      );
    }
  }
}

function checkFunction(context: OperationContext, bucket: BucketRecord, arn: string): void {
  const lambda: Principal = { type: "service", service: "lambda.amazonaws.com" };
  try {
    context.call("lambda", "GetFunctionConfiguration", { FunctionName: arn }, { principal: lambda });
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw invalidDestination(arn, "The destination Lambda does not exist");
  }
  const permission = { action: "lambda:InvokeFunction", resource: arn };
  if (!context.allows("lambda", permission, servicePrincipal(bucket))) {
    throw invalidDestination(arn, "Not authorized to invoke function");
  }
}

const invalidDestination = (arn: string, reason: string) =>
  new AwsError("InvalidArgument", "Unable to validate the following destination configurations", 400, {
    ArgumentName1: arn,
    ArgumentValue1: reason,
  });

/** @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html */
function testEvent(context: OperationContext, bucket: BucketRecord): string {
  const { requestId, hostId } = responseIds(context.requestId);
  return JSON.stringify({
    Service: "Amazon S3",
    Event: "s3:TestEvent",
    Time: new Date(context.nowMs).toISOString(),
    Bucket: bucket.name,
    RequestId: requestId,
    HostId: hostId,
  });
}
