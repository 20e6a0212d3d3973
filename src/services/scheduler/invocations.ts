/** Calling what a schedule targets, as its role: one attempt at a time, as the outbox hands it out. */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import { failureOf, judge } from "../delivery-common/failures.ts";
import type { Roles } from "../delivery-common/roles.ts";
import { sendToDeadLetterQueue } from "../delivery-common/send.ts";
import type { FlowContext, Principal } from "../service.ts";
import type { UniversalCalls } from "./ports.ts";
import type { Target, Where } from "./state.ts";
import { callOf, type TargetCall } from "./targets.ts";

export const TARGET_DUE = "scheduler.TargetDue";

/** One invocation on its way to its target. Plain data: the schedule may change meanwhile, what is owed does not. */
export interface TargetDue extends Where {
  readonly scheduleArn: string;
  readonly group: string;
  readonly target: Target;
  readonly scheduledMs: number;
  /** When it was first tried. */
  readonly sinceMs: number;
  readonly executionId: string;
  /** Attempts that failed. */
  readonly attempts: number;
}

const SESSION_NAME = "eventbridge-scheduler";
/** What SQS takes in a message; a longer request is cut off for the dead-letter queue. */
const DEAD_LETTER_BYTES_MAX = 1024 * 1024 - 16 * 1024;

const seconds = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;

export function invokeTarget(calls: UniversalCalls, roles: Roles) {
  return async (platform: FlowContext, due: TargetDue): Promise<void> => {
    const flow = platform.as({ accountId: due.accountId as AccountId, region: due.region as Region });
    let call: TargetCall | undefined;
    try {
      call = callOf(calls, due.target, payloadOf(due), flow.endpoint);
      const principal = await roles.assume(flow, due.target.roleArn, SESSION_NAME);
      measure(flow, due, "InvocationAttemptCount");
      // Retries are invocations too. @see https://aws.amazon.com/eventbridge/pricing/#Scheduler
      flow.use({ resource: due.scheduleArn, usageType: "Invocations", quantity: 1 });
      await run(flow, call, principal);
    } catch (error) {
      const failure = failureOf(error);
      if (!failure) throw error;
      await failed(flow, due, roles, {
        ...failure,
        shown: call?.shown ?? payloadOf(due),
        told: error instanceof AwsError ? error.code : failure.code,
      });
    }
  };
}

function measure(flow: FlowContext, { group }: TargetDue, name: string): void {
  flow.measure({ namespace: "AWS/Scheduler", name, dimensions: { ScheduleGroup: group }, unit: "Count", value: 1 });
}

async function run(flow: FlowContext, { service, operation, input }: TargetCall, principal: Principal): Promise<void> {
  const answer: unknown = await flow.call(service, operation as never, input as never, { principal });
  if (service !== "events" || operation !== "PutEvents") return;
  const entry = (answer as { Entries?: { ErrorCode?: string; ErrorMessage?: string }[] }).Entries?.find(
    ({ ErrorCode }) => ErrorCode !== undefined,
  );
  if (entry) throw new AwsError(entry.ErrorCode!, entry.ErrorMessage ?? "");
}

/** The target's input with what is known of the invocation in it. @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html */
function payloadOf(due: TargetDue): string {
  if (due.target.input === undefined) return due.target.event ? "{}" : JSON.stringify(ownEvent(due));
  const attributes: Readonly<Record<string, string>> = {
    "schedule-arn": due.scheduleArn,
    "scheduled-time": seconds(due.scheduledMs),
    "execution-id": due.executionId,
    "attempt-number": String(due.attempts + 1),
  };
  return due.target.input.replace(/<aws\.scheduler\.([a-z-]+)>/g, (whole, name: string) =>
    Object.hasOwn(attributes, name) ? attributes[name]! : whole,
  );
}

/** What a target is told that has no input. */
const ownEvent = (due: TargetDue) => ({
  version: "0",
  id: due.executionId,
  "detail-type": "Scheduled Event",
  source: "aws.scheduler",
  account: due.accountId,
  time: seconds(due.scheduledMs),
  region: due.region,
  resources: [due.scheduleArn],
  detail: "{}",
});

/** @see https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html */
async function failed(
  flow: FlowContext,
  due: TargetDue,
  roles: Roles,
  failure: { code: Parameters<typeof judge>[0]; message: string; shown: string; told: string },
): Promise<void> {
  const { target } = due;
  const attempts = due.attempts + 1;
  const nowMs = flow.clock.nowMs();
  const verdict = judge(failure.code, { attempts, sinceMs: due.sinceMs, nowMs, policy: target }, flow.random.next());
  if (verdict.what === "again") {
    const { dueMs } = verdict;
    await flow.write((tx) => tx.emit({ type: TARGET_DUE, detail: { ...due, attempts }, dueMs }));
    return;
  }
  measure(flow, due, "TargetErrorCount");
  measure(flow, due, "InvocationDroppedCount");
  const { code, message } = failure;
  flow.log.info("A scheduled invocation failed", { schedule: due.scheduleArn, target: target.arn, code, message });
  if (target.deadLetterArn === undefined) return;
  const principal = await roles.assume(flow, target.roleArn, SESSION_NAME).catch((error: unknown) => {
    if (!(error instanceof AwsError)) throw error;
    return undefined;
  });
  if (!principal) return;
  const isTruncated = Buffer.byteLength(failure.shown) > DEAD_LETTER_BYTES_MAX;
  const attributes = {
    ERROR_CODE: failure.told,
    ERROR_MESSAGE: message,
    EXECUTION_ID: due.executionId,
    EXHAUSTED_RETRY_CONDITION: verdict.exhausted,
    IS_PAYLOAD_TRUNCATED: String(isTruncated),
    RETRY_ATTEMPTS: String(due.attempts),
    SCHEDULED_TIME: seconds(due.scheduledMs),
    SCHEDULE_ARN: due.scheduleArn,
    TARGET_ARN: target.arn,
  };
  const body = isTruncated
    ? Buffer.from(failure.shown).subarray(0, DEAD_LETTER_BYTES_MAX).toString("utf8")
    : failure.shown;
  const sent = await sendToDeadLetterQueue(flow, target.deadLetterArn, { body, attributes }, principal);
  measure(flow, due, sent ? "InvocationsSentToDeadLetterCount" : "InvocationsFailedToBeSentToDeadLetterCount");
}
