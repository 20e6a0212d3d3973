/** Where the results of invocations go: a queue, a topic, a bucket, a function, an event bus, by ARN and with the function's own role. */
import { parseArn } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

export interface Message {
  readonly body: string;
  /** Of a message in a queue or topic. */
  readonly attributes?: Readonly<Record<string, { readonly DataType: string; readonly StringValue: string }>>;
  /** For a bucket. */
  readonly key?: string;
  /** What a bucket gets in place of `body`. */
  readonly document?: string;
  /** For an event bus. */
  readonly event?: { readonly detailType: string; readonly resources: readonly string[] };
}

/** What cannot be delivered is logged and given up, as AWS does (there it is a metric). */
export async function deliver(
  flow: FlowContext,
  destination: string,
  message: Message,
  principal: Principal,
): Promise<void> {
  try {
    await send(flow, destination, message, principal);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    flow.log.warn("The result of an invocation could not be delivered", {
      destination,
      code: error.code,
      message: error.message,
    });
  }
}

async function send(flow: FlowContext, destination: string, message: Message, principal: Principal): Promise<void> {
  const target = parseArn(destination)!;
  const { body, attributes } = message;
  const as = { principal, region: (target.region || flow.region) as FlowContext["region"] };
  switch (target.service) {
    case "lambda":
      await flow.call(
        "lambda",
        "Invoke",
        { FunctionName: destination, InvocationType: "Event", Payload: Buffer.from(body) },
        { principal },
      );
      return;
    case "sns":
      await flow.call(
        "sns",
        "Publish",
        { TopicArn: destination, Message: body, ...(attributes && { MessageAttributes: { ...attributes } }) },
        as,
      );
      return;
    case "events":
      await putEvent(flow, destination, message, as);
      return;
    case "s3":
      await flow.call(
        "s3",
        "PutObject",
        {
          Bucket: target.resource,
          Key: message.key!,
          Body: Buffer.from(message.document ?? body),
          ContentType: "application/json",
        },
        { principal },
      );
      return;
    default:
      await flow.call(
        "sqs",
        "SendMessage",
        {
          QueueUrl: `${flow.endpoint}/${target.accountId}/${target.resource}`,
          MessageBody: body,
          ...(attributes && { MessageAttributes: { ...attributes } }),
          ...(target.resource.endsWith(".fifo") && {
            MessageGroupId: "lambda",
            MessageDeduplicationId: flow.requestId,
          }),
        },
        as,
      );
  }
}

async function putEvent(
  flow: FlowContext,
  bus: string,
  { body, event }: Message,
  as: { readonly principal: Principal; readonly region: FlowContext["region"] },
): Promise<void> {
  const { Entries: [entry] = [] } = await flow.call(
    "events",
    "PutEvents",
    {
      Entries: [
        {
          EventBusName: bus,
          Source: "lambda",
          DetailType: event!.detailType,
          Resources: [bus, ...event!.resources],
          Detail: body,
          Time: new Date(flow.clock.nowMs()),
        },
      ],
    },
    as,
  );
  if (entry?.ErrorCode !== undefined) throw new AwsError(entry.ErrorCode, entry.ErrorMessage ?? entry.ErrorCode);
}

/** `2026/01/31/2026-01-31T23.59.59-UUID`, the end of an object's key. */
export function datedKey(flow: FlowContext): string {
  const [date, time] = new Date(flow.clock.nowMs()).toISOString().split(".")[0]!.split("T") as [string, string];
  return `${date.replaceAll("-", "/")}/${date}T${time.replaceAll(":", ".")}-${flow.random.uuid()}`;
}
