/** How a payload reaches what an ARN names: functions, queues, topics. */
import { type ArnParts, parseArn, type Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

/** Asynchronously: what the function makes of it is Lambda's affair. */
export async function sendToFunction(
  flow: FlowContext,
  functionArn: string,
  payload: string,
  principal: Principal,
): Promise<void> {
  const input = { FunctionName: functionArn, InvocationType: "Event" as const, Payload: Buffer.from(payload) };
  await flow.call("lambda", "Invoke", input, { principal, region: parseArn(functionArn)!.region as Region });
}

export async function sendToQueue(
  flow: FlowContext,
  queueArn: string,
  message: {
    readonly body: string;
    readonly groupId?: string | undefined;
    readonly attributes?: Readonly<Record<string, string>>;
  },
  principal: Principal,
): Promise<void> {
  const queue = parseArn(queueArn)!;
  const attributes = Object.entries(message.attributes ?? {}).map(
    ([name, StringValue]) => [name, { DataType: "String", StringValue }] as const,
  );
  const input = {
    QueueUrl: queueUrl(flow, queue),
    MessageBody: message.body,
    ...(message.groupId === undefined ? {} : { MessageGroupId: message.groupId }),
    ...(attributes.length > 0 ? { MessageAttributes: Object.fromEntries(attributes) } : {}),
  };
  await flow.call("sqs", "SendMessage", input, { principal, region: queue.region as Region });
}

export const queueUrl = (flow: Pick<FlowContext, "endpoint">, queue: ArnParts): string =>
  `${flow.endpoint}/${queue.accountId}/${queue.resource}`;

export async function sendToTopic(
  flow: FlowContext,
  topicArn: string,
  message: string,
  principal: Principal,
): Promise<void> {
  const input = { TopicArn: topicArn, Message: message };
  await flow.call("sns", "Publish", input, { principal, region: parseArn(topicArn)!.region as Region });
}

/**
 * To a dead-letter queue, by its policy. What cannot be sent there either is logged and lost, as on AWS, where it is a metric.
 * @returns whether it was sent
 */
export async function sendToDeadLetterQueue(
  flow: FlowContext,
  queueArn: string,
  message: { readonly body: string; readonly attributes: Readonly<Record<string, string | undefined>> },
  principal: Principal,
): Promise<boolean> {
  const present = Object.entries(message.attributes).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  try {
    await sendToQueue(flow, queueArn, { body: message.body, attributes: Object.fromEntries(present) }, principal);
    return true;
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    flow.log.warn("What could not be delivered could not be sent to its dead-letter queue either", {
      queue: queueArn,
      code: error.code,
      message: error.message,
    });
    return false;
  }
}
