/** A function's events that come from EventBridge: rules with patterns, rules with schedules, and schedules of the Scheduler. */
import { isObject, type Value, type ValueObject } from "../template/values.ts";
import { invalidEvent } from "./errors.ts";
import type { MadeFunction } from "./function.ts";
import { type Draft, getAtt, present, ref } from "./shapes.ts";
import type { Work } from "./work.ts";

interface Event {
  readonly id: string;
  readonly properties: ValueObject;
}

export const RULE_PROPERTIES = [
  "DeadLetterConfig",
  "EventBusName",
  "Input",
  "InputPath",
  "InputTransformer",
  "Pattern",
  "RetryPolicy",
  "RuleName",
  "State",
  "Target",
] as const;
export const OLD_RULE_PROPERTIES = [
  "Enabled",
  "EventBusName",
  "Input",
  "InputPath",
  "Pattern",
  "State",
  "Target",
] as const;
export const SCHEDULE_PROPERTIES = [
  "DeadLetterConfig",
  "Description",
  "Enabled",
  "Input",
  "Name",
  "RetryPolicy",
  "RoleArn",
  "Schedule",
  "State",
  "Target",
] as const;
export const SCHEDULE_V2_PROPERTIES = [
  "DeadLetterConfig",
  "Description",
  "EndDate",
  "FlexibleTimeWindow",
  "GroupName",
  "Input",
  "Name",
  "OmitName",
  "PermissionsBoundary",
  "RetryPolicy",
  "RoleArn",
  "ScheduleExpression",
  "ScheduleExpressionTimezone",
  "StartDate",
  "State",
] as const;

const TARGET_ID_MAX = 64;

/** What a version's or a function's ARN is written as. */
const arnOf = ({ resource, target }: MadeFunction): Draft =>
  target["Ref"] === resource.logicalId ? getAtt(resource.logicalId, "Arn") : target;

/**
 * `EventBridgeRule` and `CloudWatchEvent`.
 * @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventbridgerule.html
 */
export function addRule(work: Work, made: MadeFunction, event: Event): void {
  const { EventBusName, Pattern, RuleName } = event.properties;
  const rule = { EventBusName, EventPattern: Pattern, Name: RuleName, State: stateOf(made, event) };
  addTargeted(work, made, event, rule);
}

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedule.html */
export function addSchedule(work: Work, made: MadeFunction, event: Event): void {
  const { Description, Name, RoleArn, Schedule } = event.properties;
  addTargeted(work, made, event, {
    Description,
    Name,
    RoleArn,
    ScheduleExpression: Schedule,
    State: stateOf(made, event),
  });
}

function stateOf(made: MadeFunction, { id, properties }: Event): Value | undefined {
  const { Enabled, State } = properties;
  if (Enabled === undefined) return State;
  if (State !== undefined) {
    throw invalidEvent(made.resource.logicalId, id, "State and Enabled Properties cannot both be specified.");
  }
  return Enabled === true || Enabled === "true" ? "ENABLED" : "DISABLED";
}

/** A rule whose target is the function, and the right to invoke it. */
function addTargeted(work: Work, made: MadeFunction, event: Event, rule: Draft): void {
  const { resource, target } = made;
  const logicalId = resource.logicalId + event.id;
  const { Input, InputPath, InputTransformer, RetryPolicy, Target } = event.properties;
  const queue = deadLetterQueue(work, made, event, logicalId);
  const targetId = isObject(Target) ? Target["Id"] : undefined;
  const Targets = [
    present({
      Arn: arnOf(made),
      Id: targetId ?? `${logicalId}LambdaTarget`.slice(0, TARGET_ID_MAX),
      DeadLetterConfig: queue && { Arn: queue.arn },
      RetryPolicy,
      Input,
      InputPath,
      InputTransformer,
    }),
  ];
  work.add(resource, logicalId, "AWS::Events::Rule", present({ ...rule, Targets }));
  if (queue?.made !== undefined) {
    work.add(resource, `${logicalId}QueuePolicy`, "AWS::SQS::QueuePolicy", {
      PolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          {
            Action: "sqs:SendMessage",
            Effect: "Allow",
            Principal: { Service: "events.amazonaws.com" },
            Resource: queue.arn,
            Condition: { ArnEquals: { "aws:SourceArn": getAtt(logicalId, "Arn") } },
          },
        ],
      },
      Queues: [ref(queue.made)],
    });
  }
  work.add(resource, `${logicalId}Permission`, "AWS::Lambda::Permission", {
    Action: "lambda:InvokeFunction",
    FunctionName: target,
    Principal: "events.amazonaws.com",
    SourceArn: getAtt(logicalId, "Arn"),
  });
}

/** The queue that an event names, or the one that it has made: `Type: SQS`. */
function deadLetterQueue(
  work: Work,
  { resource }: MadeFunction,
  event: Event,
  logicalId: string,
): { readonly arn: Value | Draft; readonly made?: string } | undefined {
  const config = event.properties["DeadLetterConfig"];
  if (config === undefined) return undefined;
  const refuse = (reason: string) => invalidEvent(resource.logicalId, event.id, reason);
  if (!isObject(config)) throw refuse("DeadLetterConfig must be a map.");
  const { Arn, Type, QueueLogicalId } = config;
  if (Arn !== undefined && Type !== undefined) {
    throw refuse("You can either define 'Arn' or 'Type' property of DeadLetterConfig");
  }
  if (Arn !== undefined) return { arn: Arn };
  if (Type !== "SQS") {
    throw refuse(
      Type === undefined
        ? "'Arn' or 'Type' property required."
        : "The only valid value for 'Type' property of DeadLetterConfig is 'SQS'",
    );
  }
  if (QueueLogicalId !== undefined && typeof QueueLogicalId !== "string") {
    throw refuse("'QueueLogicalId' property of DeadLetterConfig must be a string.");
  }
  const made = QueueLogicalId ?? `${logicalId}Queue`;
  work.add(resource, made, "AWS::SQS::Queue", {});
  return { arn: getAtt(made, "Arn"), made };
}

/** @see https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedulev2.html */
export function addScheduleV2(work: Work, made: MadeFunction, event: Event): void {
  const { resource } = made;
  const logicalId = resource.logicalId + event.id;
  const {
    Input,
    RetryPolicy,
    RoleArn,
    PermissionsBoundary,
    OmitName,
    DeadLetterConfig: _queue,
    ...rest
  } = event.properties;
  if (OmitName === true && rest["Name"] !== undefined) {
    throw invalidEvent(resource.logicalId, event.id, "'Name' must not be given with OmitName.");
  }
  if (RoleArn !== undefined && PermissionsBoundary !== undefined) {
    throw invalidEvent(resource.logicalId, event.id, "'PermissionsBoundary' must not be given with RoleArn.");
  }
  const queue = deadLetterQueue(work, made, event, logicalId);
  work.add(resource, logicalId, "AWS::Scheduler::Schedule", {
    ...rest,
    FlexibleTimeWindow: rest["FlexibleTimeWindow"] ?? { Mode: "OFF" },
    ...(OmitName === true ? {} : { Name: rest["Name"] ?? logicalId }),
    Target: present({
      Arn: arnOf(made),
      RoleArn: RoleArn ?? getAtt(`${logicalId}Role`, "Arn"),
      Input,
      DeadLetterConfig: queue && { Arn: queue.arn },
      RetryPolicy,
    }),
  });
  if (RoleArn !== undefined) return;
  const policy = (name: string, Action: string, Resource: unknown): Draft => ({
    PolicyName: logicalId + name,
    PolicyDocument: { Statement: [{ Action, Effect: "Allow", Resource }] },
  });
  work.add(
    resource,
    `${logicalId}Role`,
    "AWS::IAM::Role",
    present({
      AssumeRolePolicyDocument: {
        Version: "2012-10-17",
        Statement: [
          { Action: ["sts:AssumeRole"], Effect: "Allow", Principal: { Service: ["scheduler.amazonaws.com"] } },
        ],
      },
      Policies: [
        policy("LambdaPolicy", "lambda:InvokeFunction", arnOf(made)),
        ...(queue ? [policy("SQSPolicy", "sqs:SendMessage", queue.arn)] : []),
      ],
      PermissionsBoundary,
    }),
  );
}
