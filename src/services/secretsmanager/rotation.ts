/**
 * Rotation: a function of the user's makes a new version in four steps, when asked and on a schedule.
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
 */
import { type AccountId, parseArn, type Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { Transaction } from "../../storage/transaction.ts";
import { nextTimeMs, parseSchedule } from "../schedule-common/expression.ts";
import type { FlowContext, InputOf, OperationContext, OutputOf, Principal } from "../service.ts";
import { Constraints } from "../validation-common/constraints.ts";
import { invalidParameter, invalidRequest } from "./errors.ts";
import { requireLive } from "./find.ts";
import {
  PENDING,
  type Rotation,
  type Secret,
  Secrets,
  secretArn,
  secretKey,
  Versions,
  versionKey,
  type Where,
} from "./state.ts";
import { versionIdOf, withStages } from "./versions.ts";

export const ROTATION_DUE = "secretsmanager.RotationDue";
export const ROTATION_STEP = "secretsmanager.RotationStep";

const STEPS = ["createSecret", "setSecret", "testSecret", "finishSecret"] as const;
type Step = (typeof STEPS)[number];
const DAY_MS = 86_400_000;
/** A step that could not run is tried again so often, a minute apart: the function may be throttled or just deployed. */
const ATTEMPTS_MAX = 5;
const AGAIN_MS = 60_000;

export interface RotationDue extends Where {
  readonly name: string;
  readonly generation: string;
}

export interface RotationStep extends Where {
  readonly name: string;
  readonly secretArn: string;
  readonly lambdaArn: string;
  readonly token: string;
  readonly step: Step;
  readonly attempts: number;
  /** Rotation was only set up: the function tests that it could. */
  readonly testOnly: boolean;
}

type Given = InputOf<"secretsmanager", "RotateSecret">;

/**
 * @throws ResourceNotFoundException, InvalidRequestException, InvalidParameterException
 * @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html
 */
export function rotateSecret(
  tx: Transaction,
  input: Given,
  context: OperationContext,
): OutputOf<"secretsmanager", "RotateSecret"> {
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const token = versionIdOf(input.ClientRequestToken, context);
  const lambdaArn = input.RotationLambdaARN ?? secret.rotation?.lambdaArn;
  if (lambdaArn === undefined) {
    throw invalidRequest("No Lambda rotation function ARN is associated with this secret.");
  }
  if (parseArn(lambdaArn)?.service !== "lambda") {
    throw invalidParameter("RotationLambdaARN is not the ARN of a Lambda function.");
  }
  const { rotation: before } = secret;
  const rules = input.RotationRules ? rulesOf(input.RotationRules) : before?.rules;
  const rotation: Rotation = withNext(
    { enabled: true, lambdaArn, rules: rules ?? {}, generation: context.random.uuid() },
    context.nowMs,
  );
  setTimer(tx, at, secret.name, rotation);
  const testOnly = input.RotateImmediately === false;
  begin(tx, at, { ...secret, rotation }, token, testOnly);
  return { ARN: secretArn(at, secret), Name: secret.name, ...(testOnly ? {} : { VersionId: token }) };
}

function rulesOf({ AutomaticallyAfterDays, Duration, ScheduleExpression }: NonNullable<Given["RotationRules"]>) {
  new Constraints()
    .range("rotationRules.automaticallyAfterDays", AutomaticallyAfterDays, 1, 1000)
    .pattern("rotationRules.duration", Duration, /^[0-9h]{2,3}$/, "[0-9h]+")
    .length("rotationRules.scheduleExpression", ScheduleExpression, 1, 256)
    .check();
  if (AutomaticallyAfterDays !== undefined && ScheduleExpression !== undefined) {
    throw invalidParameter("You can specify either AutomaticallyAfterDays or ScheduleExpression, but not both.");
  }
  const schedule = ScheduleExpression === undefined ? undefined : parseSchedule(ScheduleExpression);
  if (ScheduleExpression !== undefined && (!schedule || schedule.kind === "at")) {
    throw invalidParameter(`The schedule expression ${ScheduleExpression} is not valid.`);
  }
  return {
    ...(AutomaticallyAfterDays === undefined ? {} : { AutomaticallyAfterDays }),
    ...(Duration === undefined ? {} : { Duration }),
    ...(ScheduleExpression === undefined ? {} : { ScheduleExpression }),
  };
}

/** With the time of the next rotation: at the beginning of its window. */
function withNext(rotation: Rotation, nowMs: number): Rotation {
  const { nextMs: _before, ...rest } = rotation;
  const { AutomaticallyAfterDays: days, ScheduleExpression: text } = rotation.rules;
  const schedule = text === undefined ? undefined : parseSchedule(text);
  const nextMs = schedule
    ? nextTimeMs(schedule, { timeZone: "UTC", afterMs: nowMs, anchorMs: nowMs })
    : days === undefined
      ? undefined
      : nowMs + days * DAY_MS;
  return { ...rest, ...(nextMs === undefined ? {} : { nextMs }) };
}

function setTimer(tx: Transaction, { accountId, region }: Where, name: string, rotation: Rotation): void {
  if (rotation.nextMs === undefined) return;
  const detail: RotationDue = { accountId, region, name, generation: rotation.generation };
  tx.emit({ type: ROTATION_DUE, detail, dueMs: rotation.nextMs });
}

/** Puts the pending label on the version to come, which has no value yet, and owes its first step. */
function begin(tx: Transaction, at: Where, secret: Secret, token: string, testOnly: boolean): void {
  const kept = testOnly ? secret : withStages(secret, token, [PENDING]);
  Secrets.put(tx, secretKey(at, secret.name), kept);
  const detail: RotationStep = {
    accountId: at.accountId,
    region: at.region,
    name: secret.name,
    secretArn: secretArn(at, secret),
    lambdaArn: secret.rotation!.lambdaArn,
    token,
    step: testOnly ? "testSecret" : "createSecret",
    attempts: 0,
    testOnly,
  };
  tx.emit({ type: ROTATION_STEP, detail });
}

export function rotationDue(tx: Transaction, due: RotationDue, context: OperationContext): void {
  const secret = Secrets.get(tx, secretKey(due, due.name));
  if (!secret?.rotation?.enabled || secret.deletionMs !== undefined) return;
  if (secret.rotation.generation !== due.generation) return;
  const rotation = withNext(secret.rotation, context.nowMs);
  setTimer(tx, due, due.name, rotation);
  begin(tx, due, { ...secret, rotation }, context.random.uuid(), false);
}

/** @see https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CancelRotateSecret.html */
export function cancelRotateSecret(
  tx: Transaction,
  input: InputOf<"secretsmanager", "CancelRotateSecret">,
  context: OperationContext,
): OutputOf<"secretsmanager", "CancelRotateSecret"> {
  const { at, secret } = requireLive(tx, context, input.SecretId);
  const { rotation } = secret;
  if (rotation) {
    const { nextMs: _before, ...rest } = rotation;
    Secrets.put(tx, secretKey(at, secret.name), { ...secret, rotation: { ...rest, enabled: false } });
  }
  return { ARN: secretArn(at, secret), Name: secret.name };
}

/** Has the function do one step, and owes the next. */
export async function rotationStep(platform: FlowContext, due: RotationStep): Promise<void> {
  const flow = platform.as({ accountId: due.accountId as AccountId, region: due.region as Region });
  const failure = await invoke(flow, due);
  if (failure !== undefined) {
    flow.log.warn("A rotation step failed", { secret: due.secretArn, step: due.step, failure });
    if (due.attempts + 1 >= ATTEMPTS_MAX) return;
    const detail: RotationStep = { ...due, attempts: due.attempts + 1 };
    await flow.write((tx, { nowMs }) => tx.emit({ type: ROTATION_STEP, detail, dueMs: nowMs + AGAIN_MS }));
    return;
  }
  await flow.write((tx, context) => {
    const next = due.testOnly ? undefined : STEPS[STEPS.indexOf(due.step) + 1];
    if (next) tx.emit({ type: ROTATION_STEP, detail: { ...due, step: next, attempts: 0 } satisfies RotationStep });
    else if (!due.testOnly) finish(tx, due, context);
  });
}

/** The function has moved the labels; what is left is to say when. A label on a version that got no value is taken off. */
function finish(tx: Transaction, due: RotationStep, { nowMs }: OperationContext): void {
  const secret = Secrets.get(tx, secretKey(due, due.name));
  if (!secret) return;
  const { [PENDING]: pending, ...stages } = secret.stages;
  const isEmpty = pending === due.token && !Versions.get(tx, versionKey(due, due.name, due.token));
  Secrets.put(tx, secretKey(due, due.name), { ...secret, ...(isEmpty ? { stages } : {}), rotatedMs: nowMs });
}

/** @returns why it failed */
async function invoke(flow: FlowContext, due: RotationStep): Promise<string | undefined> {
  const principal: Principal = {
    type: "service",
    service: "secretsmanager.amazonaws.com",
    sourceArn: due.secretArn,
    sourceAccount: due.accountId as AccountId,
  };
  const event = { Step: due.step, SecretId: due.secretArn, ClientRequestToken: due.token };
  try {
    const { FunctionError, Payload } = await flow.call(
      "lambda",
      "Invoke",
      { FunctionName: due.lambdaArn, Payload: Buffer.from(JSON.stringify(event)) },
      { principal, region: parseArn(due.lambdaArn)!.region as Region },
    );
    return FunctionError === undefined ? undefined : Buffer.from(Payload ?? []).toString("utf8");
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}
