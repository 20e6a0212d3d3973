/**
 * What a schedule calls: templated targets by the ARN of a resource, universal ones by the name of an operation. Both become a call.
 * @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html
 */
import { type ArnParts, parseArn } from "../../kernel/arn.ts";
import { AwsError, notImplemented } from "../../kernel/errors.ts";
import { RETRY_DEFAULTS } from "../delivery-common/failures.ts";
import type { InputOf, OperationContext, ServiceName } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { validation } from "./errors.ts";
import type { UniversalCalls } from "./ports.ts";
import { INPUT_CHARACTERS_MAX } from "./rules.ts";
import type { Target } from "./state.ts";

type GivenTarget = NonNullable<InputOf<"scheduler", "CreateSchedule">["Target"]>;

const ROLE = /^arn:aws[a-z-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/;
const DEAD_LETTER = /^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[a-zA-Z0-9\-_]+$/;
const UNIVERSAL = /^arn:aws[a-z-]*:scheduler:::aws-sdk:([a-zA-Z0-9-]+):([a-zA-Z0-9]+)$/;

/** Operations that only tell something are no targets. @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html#unsupported-api-actions */
const READING =
  /^(get|describe|list|poll|receive|search|scan|query|select|read|lookup|discover|validate|batchGet|batchDescribe|batchRead|transactGet|adminGet|adminList|testMigration|retrieve|testConnection|translateDocument|isAuthorized|invokeModel)(?![a-z])/;

const TEMPLATED: Readonly<Record<string, RegExp>> = {
  lambda: /^function:[^:]+(:[^:]+)?$/,
  sqs: /^[^/:]+$/,
  sns: /^[^/:]+$/,
  events: /^event-bus\/.+$/,
};

/** @throws ValidationException; NotImplemented for what Virga does not have */
export function targetOf(calls: UniversalCalls, given: GivenTarget): Target {
  const { Arn: arn, RoleArn: roleArn, Input: input } = given;
  new Constraints()
    .required("target.arn", arn)
    .length("target.arn", arn, 1, 1600)
    .required("target.roleArn", roleArn)
    .length("target.roleArn", roleArn, 1, 1600)
    .pattern("target.roleArn", roleArn, ROLE, "arn:aws[a-z-]*:iam::\\d{12}:role\\/[\\w+=,.@\\/-]+")
    .length("target.input", input, 1, INPUT_CHARACTERS_MAX)
    .pattern("target.deadLetterConfig.arn", given.DeadLetterConfig?.Arn, DEAD_LETTER)
    .range("target.retryPolicy.maximumRetryAttempts", given.RetryPolicy?.MaximumRetryAttempts, 0, 185)
    .range("target.retryPolicy.maximumEventAgeInSeconds", given.RetryPolicy?.MaximumEventAgeInSeconds, 60, 86_400)
    .check();
  checkTarget(calls, given, arn!);
  const { MaximumRetryAttempts, MaximumEventAgeInSeconds } = given.RetryPolicy ?? {};
  return {
    arn: arn!,
    roleArn: roleArn!,
    ...(input === undefined ? {} : { input }),
    ...(given.DeadLetterConfig?.Arn === undefined ? {} : { deadLetterArn: given.DeadLetterConfig.Arn }),
    maximumRetryAttempts: MaximumRetryAttempts ?? RETRY_DEFAULTS.maximumRetryAttempts,
    maximumEventAgeSeconds: MaximumEventAgeInSeconds ?? RETRY_DEFAULTS.maximumEventAgeSeconds,
    ...(given.EventBridgeParameters
      ? { event: { detailType: given.EventBridgeParameters.DetailType!, source: given.EventBridgeParameters.Source! } }
      : {}),
    ...(given.SqsParameters?.MessageGroupId === undefined
      ? {}
      : { messageGroupId: given.SqsParameters.MessageGroupId }),
  };
}

function checkTarget(calls: UniversalCalls, given: GivenTarget, arn: string): void {
  const universal = UNIVERSAL.exec(arn);
  if (universal) {
    const [, service, operation] = universal as unknown as [string, string, string];
    if (READING.test(operation)) {
      throw validation(`${operation} is not a supported api for ${service}. Read-only operations cannot be targets.`);
    }
    const call = calls(service, operation);
    if (!call) throw notImplemented(`the target ${service}:${operation}`);
    call.decode(readInput(given.Input ?? "{}"));
    return;
  }
  const parts = parseArn(arn);
  if (!parts) throw validation("Provided Arn is not in correct format.");
  if (!Object.hasOwn(TEMPLATED, parts.service)) throw notImplemented(`templated targets of ${parts.service} (${arn})`);
  if (!TEMPLATED[parts.service]!.test(parts.resource)) throw validation("Provided Arn is not in correct format.");
  const { DetailType, Source } = given.EventBridgeParameters ?? {};
  if (parts.service === "events" && (!DetailType || !Source)) {
    throw validation("EventBridgeParameters with DetailType and Source are required for a target of EventBridge.");
  }
  if (parts.service !== "events" && given.EventBridgeParameters) {
    throw validation("EventBridgeParameters are for targets of EventBridge only.");
  }
  const fifo = parts.service === "sqs" && parts.resource.endsWith(".fifo");
  if (fifo && given.SqsParameters?.MessageGroupId === undefined) {
    throw validation("MessageGroupId is required for a FIFO queue.");
  }
  if (parts.service !== "sqs" && given.SqsParameters) throw validation("SqsParameters are for targets of SQS only.");
}

function readInput(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw validation("Invalid RequestJson provided. Reason: The input is not valid JSON.");
  }
}

/** @throws ValidationException when the Scheduler may not assume the role */
export function checkRole(roleArn: string, context: OperationContext): void {
  try {
    context.call(
      "sts",
      "AssumeRole",
      { RoleArn: roleArn, RoleSessionName: "scheduler" },
      { principal: { type: "service", service: "scheduler.amazonaws.com", sourceAccount: context.accountId } },
    );
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    throw validation("The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
  }
}

export function shownTarget(target: Target) {
  return {
    Arn: target.arn,
    RoleArn: target.roleArn,
    ...(target.input === undefined ? {} : { Input: target.input }),
    ...(target.deadLetterArn === undefined ? {} : { DeadLetterConfig: { Arn: target.deadLetterArn } }),
    RetryPolicy: {
      MaximumEventAgeInSeconds: target.maximumEventAgeSeconds,
      MaximumRetryAttempts: target.maximumRetryAttempts,
    },
    ...(target.event
      ? { EventBridgeParameters: { DetailType: target.event.detailType, Source: target.event.source } }
      : {}),
    ...(target.messageGroupId === undefined ? {} : { SqsParameters: { MessageGroupId: target.messageGroupId } }),
  };
}

export interface TargetCall {
  readonly service: ServiceName;
  readonly operation: string;
  /** As the operation takes it. */
  readonly input: any;
  /** The same as JSON, for a dead-letter queue. */
  readonly shown: string;
}

/**
 * The call that a target means.
 * @param payload the target's input, or the Scheduler's own event where it has none
 * @throws ValidationException where a universal target's input became invalid
 */
export function callOf(calls: UniversalCalls, target: Target, payload: string, endpoint: string): TargetCall {
  const universal = UNIVERSAL.exec(target.arn);
  if (universal) {
    const call = calls(universal[1]!, universal[2]!);
    if (!call) throw notImplemented(`the target ${target.arn}`);
    const { service, operation } = call;
    return { service, operation, input: call.decode(readInput(payload)), shown: payload };
  }
  const parts = parseArn(target.arn)!;
  const made = templated(target, parts, payload, endpoint);
  const shown = JSON.stringify(made.input);
  if (parts.service !== "lambda") return { ...made, shown };
  return { ...made, input: { ...made.input, Payload: Buffer.from(payload) }, shown };
}

function templated(target: Target, { service, accountId, resource }: ArnParts, payload: string, endpoint: string) {
  switch (service) {
    case "lambda":
      return {
        service: "lambda" as const,
        operation: "Invoke",
        input: { FunctionName: target.arn, InvocationType: "Event", Payload: payload },
      };
    case "sqs":
      return {
        service: "sqs" as const,
        operation: "SendMessage",
        input: {
          QueueUrl: `${endpoint}/${accountId}/${resource}`,
          MessageBody: payload,
          ...(target.messageGroupId === undefined ? {} : { MessageGroupId: target.messageGroupId }),
        },
      };
    case "sns":
      return { service: "sns" as const, operation: "Publish", input: { TopicArn: target.arn, Message: payload } };
    default:
      return {
        service: "events" as const,
        operation: "PutEvents",
        input: {
          Entries: [
            {
              EventBusName: target.arn,
              Source: target.event!.source,
              DetailType: target.event!.detailType,
              Detail: payload,
            },
          ],
        },
      };
  }
}
