/** Delivering what targets are owed: one attempt at a time, as the outbox hands it out. */
import { createHash } from "node:crypto";
import { type AccountId, parseArn, type Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { DeliveryFailure, failureOf, judge, RETRY_DEFAULTS } from "../delivery-common/failures.ts";
import type { Roles } from "../delivery-common/roles.ts";
import { sendToDeadLetterQueue, sendToFunction, sendToQueue, sendToTopic } from "../delivery-common/send.ts";
import type { FlowContext, Principal } from "../service.ts";
import { arrive, TARGET_DUE, type TargetDue } from "./arrivals.ts";
import { inputOf } from "./input.ts";
import { findBus } from "./limits.ts";
import { runTask } from "./tasks.ts";

/** An event that has come by so many buses goes round in circles. */
const HOPS_MAX = 10;
const SESSION_NAME = "eventbridge";

const ownPrincipal = ({ ruleArn, accountId }: TargetDue): Principal => ({
  type: "service",
  service: "events.amazonaws.com",
  sourceArn: ruleArn,
  sourceAccount: accountId as AccountId,
});

export function deliverTo(roles: Roles) {
  return async (platform: FlowContext, due: TargetDue): Promise<void> => {
    const flow = platform.as({ accountId: due.accountId as AccountId, region: due.region as Region });
    try {
      await send(flow, due, roles);
      measure(flow, due, "Invocations");
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) throw error;
      await failed(flow, due, failure);
    }
  };
}

function measure(flow: FlowContext, { ruleName, busName }: TargetDue, name: string): void {
  const dimensions = { RuleName: ruleName, EventBusName: busName };
  flow.measure({ namespace: "AWS/Events", name, dimensions, unit: "Count", value: 1 });
}

async function send(flow: FlowContext, due: TargetDue, roles: Roles): Promise<void> {
  const { target } = due;
  const { service, resource } = parseArn(target.arn)!;
  const roleArn = target.roleArn ?? due.ruleRoleArn;
  const principal = roleArn === undefined ? ownPrincipal(due) : await roles.assume(flow, roleArn, SESSION_NAME);
  if (service === "events") return sendToBus(flow, due, principal);
  const payload = inputOf(target, due);
  switch (service) {
    case "lambda":
      return sendToFunction(flow, target.arn, payload, principal);
    case "sqs":
      return sendToQueue(flow, target.arn, { body: payload, groupId: target.messageGroupId }, principal);
    case "sns":
      return sendToTopic(flow, target.arn, payload, principal);
    case "ecs":
      return runTask(flow, target, payload, principal);
    case "logs":
      return sendToLogs(flow, due, resource, payload, principal);
    default:
      throw new DeliveryFailure("SDK_CLIENT_ERROR", `Virga has no targets of ${service}.`);
  }
}

/** The event goes on as it is, with its id, source and account. */
async function sendToBus(flow: FlowContext, due: TargetDue, principal: Principal): Promise<void> {
  const bus = parseArn(due.target.arn)!;
  const name = bus.resource.slice("event-bus/".length);
  if (due.hops >= HOPS_MAX) {
    throw new DeliveryFailure("RESOURCE_LIMIT_EXCEEDED", `The event has gone through ${HOPS_MAX} event buses.`);
  }
  const as = { principal, accountId: bus.accountId as AccountId, region: bus.region as Region };
  await flow.as(as).write((tx, context) => {
    if (!findBus(tx, bus, name)) {
      throw new DeliveryFailure("NO_RESOURCE", `Event bus ${name} does not exist.`);
    }
    const permission = {
      action: "events:PutEvents",
      resource: due.target.arn,
      conditions: { "events:source": due.event.source, "events:detail-type": due.event["detail-type"] },
    };
    if (bus.accountId !== due.accountId && !context.allows("events", permission)) {
      throw new DeliveryFailure("NO_PERMISSIONS", `Lack of permissions to invoke cross account target.`);
    }
    const { event } = due;
    arrive(tx, bus, name, { event, arrivedMs: context.nowMs, hops: due.hops + 1 }, context);
  });
}

/**
 * One log stream per rule and target. A template may say the time and the message; else the message is the input.
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html#eb-event-target-permissions
 */
async function sendToLogs(
  flow: FlowContext,
  due: TargetDue,
  resource: string,
  payload: string,
  principal: Principal,
): Promise<void> {
  const logGroupName = resource.replace(/^log-group:/, "").replace(/:\*$/, "");
  const digest = createHash("sha256").update(`${due.ruleArn} ${due.target.id}`).digest("hex");
  const logStreamName = digest.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  const as = { principal, region: parseArn(due.target.arn)!.region as Region };
  const event = logEventOf(payload, flow.clock.nowMs());
  const put = () => flow.call("logs", "PutLogEvents", { logGroupName, logStreamName, logEvents: [event] }, as);
  try {
    await put();
  } catch (error) {
    if (!(error instanceof AwsError && error.code === "ResourceNotFoundException")) throw error;
    await flow.call("logs", "CreateLogStream", { logGroupName, logStreamName }, as).catch((again: unknown) => {
      // Somebody else was faster.
      if (!(again instanceof AwsError && again.code === "ResourceAlreadyExistsException")) throw again;
    });
    await put();
  }
}

function logEventOf(payload: string, nowMs: number): { timestamp: number; message: string } {
  try {
    const { timestamp, message } = JSON.parse(payload) as { timestamp?: unknown; message?: unknown };
    if (typeof message === "string" && Number.isInteger(timestamp)) return { timestamp: timestamp as number, message };
  } catch {
    // Not JSON: a text of its own.
  }
  return { timestamp: nowMs, message: payload };
}

/** @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html */
async function failed(
  flow: FlowContext,
  due: TargetDue,
  failure: { readonly code: Parameters<typeof judge>[0]; readonly message: string },
): Promise<void> {
  const { target } = due;
  const policy = {
    maximumRetryAttempts: target.retryPolicy?.MaximumRetryAttempts ?? RETRY_DEFAULTS.maximumRetryAttempts,
    maximumEventAgeSeconds: target.retryPolicy?.MaximumEventAgeInSeconds ?? RETRY_DEFAULTS.maximumEventAgeSeconds,
  };
  const attempts = due.attempts + 1;
  const nowMs = flow.clock.nowMs();
  const verdict = judge(failure.code, { attempts, sinceMs: due.arrivedMs, nowMs, policy }, flow.random.next());
  if (verdict.what === "again") {
    const { dueMs } = verdict;
    await flow.write((tx) => tx.emit({ type: TARGET_DUE, detail: { ...due, attempts }, dueMs }));
    return;
  }
  measure(flow, due, "FailedInvocations");
  flow.log.info("An event was not delivered", { rule: due.ruleArn, target: target.arn, ...failure });
  if (target.deadLetterArn === undefined) return;
  const sent = await sendToDeadLetterQueue(
    flow,
    target.deadLetterArn,
    {
      body: JSON.stringify(due.event),
      attributes: {
        RULE_ARN: due.ruleArn,
        TARGET_ARN: target.arn,
        ERROR_CODE: failure.code,
        ERROR_MESSAGE: failure.message,
        EXHAUSTED_RETRY_CONDITION: verdict.exhausted,
        RETRY_ATTEMPTS: verdict.exhausted === undefined ? undefined : String(due.attempts),
      },
    },
    ownPrincipal(due),
  );
  measure(flow, due, sent ? "InvocationsSentToDlq" : "InvocationsFailedToBeSentToDlq");
}
