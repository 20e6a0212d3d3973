/**
 * Lambda-backed custom resources: a request document is sent to a function, which answers some time later by a PUT to a URL. The step ends when
 * the answer comes, or when its time is up; nothing waits meanwhile.
 * @see https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
 */

import { AwsError } from "../../../kernel/errors.ts";
import { mixedId } from "../../../kernel/ids.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, HttpFront, HttpResponse, OperationContext } from "../../service.ts";
import { keys, responses, stacks, tasks } from "../state.ts";
import { isObject, type Value } from "../template/values.ts";
import { standIn } from "./names.ts";
import { finishStep, principalOf, type RunningStep } from "./step.ts";
import { type Engine, SERVICE_TIMEOUT_SECONDS_MAX } from "./types.ts";

const TOKEN_LENGTH = 43;
/** An answer may have 4,096 bytes. */
const RESPONSE_BYTES_MAX = 4096;
const PATH = "/_aws/cloudformation/response/";

const REQUEST_TYPE = { create: "Create", replace: "Create", update: "Update", delete: "Delete" } as const;

/** Sends the request. The answer comes to {@link responseFront}. */
export async function requestCustom(engine: Engine, flow: FlowContext, step: RunningStep, type: string): Promise<void> {
  const { stack, task, deployment } = step;
  const detail = { stack: stack.uuid, operation: stack.operation!.id, task: task.id };
  const properties = task.kind === "delete" ? task.target!.properties : task.properties!;
  const functionArn = properties["ServiceToken"];
  const fail = (error: unknown) =>
    flow.write((tx, context) => finishStep(engine, tx, context, detail, type, { error }));
  if (typeof functionArn !== "string" || !/^arn:[^:]*:lambda:/.test(functionArn)) {
    await fail(
      `Invalid ServiceToken ${String(functionArn)}: Virga supports custom resources that are Lambda functions.`,
    );
    return;
  }
  let principal: FlowContext["principal"];
  try {
    principal = await principalOf(flow, stack, deployment);
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    await fail(error.message);
    return;
  }
  const timeoutSeconds = Number(properties["ServiceTimeout"] ?? SERVICE_TIMEOUT_SECONDS_MAX);
  const pending = await flow.write((tx, context) => {
    const token = mixedId(context.random, TOKEN_LENGTH);
    const requestId = context.random.uuid();
    const current = tasks.get(tx, keys.task(context, stack.uuid, task.id));
    if (
      current?.state !== "running" ||
      stacks.get(tx, keys.stack(context, stack.uuid))?.operation?.id !== detail.operation
    ) {
      return undefined;
    }
    tasks.put(tx, keys.task(context, stack.uuid, task.id), { ...current, responseToken: token });
    responses.put(tx, keys.response(context, token), {
      stackUuid: stack.uuid,
      operationId: detail.operation,
      taskId: task.id,
      requestId,
    });
    const named = { accountId: context.accountId, region: context.region, token };
    tx.emit({ type: "cloudformation.ResponseTimeout", detail: named, dueMs: context.nowMs + timeoutSeconds * 1000 });
    // The invocation is an event of its own: the token is durable before anybody can answer, and the call is made again if it was cut off.
    tx.emit({
      type: "cloudformation.InvokeCustom",
      detail: {
        ...named,
        functionArn,
        type,
        principal,
        document: {
          RequestType: REQUEST_TYPE[task.action!],
          ServiceToken: functionArn,
          ResponseURL: `${flow.endpoint}${PATH}${token}?account=${context.accountId}&region=${context.region}`,
          StackId: stack.stackId,
          RequestId: requestId,
          LogicalResourceId: task.logicalId,
          ResourceType: type,
          ...(task.action === "update" || task.action === "delete"
            ? { PhysicalResourceId: task.target!.physicalId }
            : {}),
          ResourceProperties: properties,
          ...(task.action === "update" ? { OldResourceProperties: task.target!.properties } : {}),
        },
      },
    });
    return token;
  });
  if (pending === undefined) flow.log.debug("a custom resource's step was overtaken", { logicalId: task.logicalId });
}

interface InvokeDetail {
  readonly token: string;
  readonly functionArn: string;
  readonly type: string;
  readonly principal: FlowContext["principal"];
  readonly document: Readonly<Record<string, unknown>>;
}

/** Hears `cloudformation.InvokeCustom`. */
export async function invokeCustom(engine: Engine, flow: FlowContext, detail: InvokeDetail): Promise<void> {
  const open = await flow.write((tx, context) => responses.get(tx, keys.response(context, detail.token)));
  if (!open) return;
  try {
    await flow.call(
      "lambda",
      "Invoke",
      {
        FunctionName: detail.functionArn,
        InvocationType: "Event",
        Payload: Buffer.from(JSON.stringify(detail.document)),
      },
      { principal: detail.principal },
    );
  } catch (error) {
    if (flow.signal.aborted || !(error instanceof AwsError)) throw error;
    await flow.write((tx, context) => answer(engine, tx, context, detail.token, { error, asked: false }));
  }
}

/** Hears `cloudformation.ResponseTimeout`. */
export function responseTimeout(
  engine: Engine,
  tx: Transaction,
  detail: { readonly token: string },
  context: OperationContext,
): void {
  const pending = responses.get(tx, keys.response(context, detail.token));
  if (!pending) return;
  answer(engine, tx, context, detail.token, {
    error: `CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId [${pending.requestId}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so that CloudFormation can attach the updated version.`,
    asked: true,
  });
}

/**
 * Ends the step that waits for this answer. False when nobody does. A function that was asked may have made something, which the rollback then
 * has it delete.
 */
function answer(
  engine: Engine,
  tx: Transaction,
  context: OperationContext,
  token: string,
  outcome: { readonly error: unknown; readonly asked: boolean } | { readonly document: CustomResponse },
): boolean {
  const pending = responses.get(tx, keys.response(context, token));
  const stack = pending && stacks.get(tx, keys.stack(context, pending.stackUuid));
  const task = pending && tasks.get(tx, keys.task(context, pending.stackUuid, pending.taskId));
  if (!pending || !stack || !task) return false;
  const detail = { stack: stack.uuid, operation: pending.operationId, task: pending.taskId };
  const type = task.type ?? task.target!.type;
  tx.delete(keys.response(context, token));
  if ("error" in outcome) {
    finishStep(
      engine,
      tx,
      context,
      detail,
      type,
      outcome.asked ? { ...outcome, physicalId: standIn(stack.stackName, task) } : outcome,
    );
    return true;
  }
  const { document } = outcome;
  const physicalId = document.PhysicalResourceId ?? task.target?.physicalId ?? standIn(stack.stackName, task);
  if (document.Status === "SUCCESS") {
    finishStep(engine, tx, context, detail, type, {
      state: { id: physicalId, attributes: document.Data ?? {}, ...(document.NoEcho ? { noEcho: true } : {}) },
    });
  } else {
    finishStep(engine, tx, context, detail, type, {
      error: `Received response status [FAILED] from custom resource. Message returned: ${document.Reason ?? ""} (RequestId: ${pending.requestId})`,
      physicalId,
    });
  }
  return true;
}

interface CustomResponse {
  readonly Status: "SUCCESS" | "FAILED";
  readonly Reason?: string;
  readonly PhysicalResourceId?: string;
  readonly NoEcho?: boolean;
  readonly Data?: Readonly<Record<string, Value>>;
}

/** What is wrong with an answer, in CloudFormation's words; or the answer. */
export function readResponse(
  text: string,
  expected: { readonly requestId: string; readonly stackId: string; readonly logicalId: string },
  creating: boolean,
): CustomResponse | string {
  let document: Value;
  try {
    document = JSON.parse(text);
  } catch {
    return "Invalid response object: it is not valid JSON";
  }
  if (!isObject(document)) return "Invalid response object: it must be a JSON object";
  const { Status, Reason, PhysicalResourceId, Data } = document;
  if (Status !== "SUCCESS" && Status !== "FAILED")
    return "Invalid Response object: Value of property Status must be SUCCESS or FAILED";
  for (const [name, value] of [
    ["RequestId", expected.requestId],
    ["StackId", expected.stackId],
    ["LogicalResourceId", expected.logicalId],
  ] as const) {
    if (document[name] !== value)
      return `Invalid response object: Value of property ${name} does not match the request`;
  }
  if (Status === "FAILED" && (typeof Reason !== "string" || Reason === "")) {
    return "Invalid Response object: Value of property Reason must be a non-empty String when Status is FAILED";
  }
  if (PhysicalResourceId !== undefined && (typeof PhysicalResourceId !== "string" || PhysicalResourceId === "")) {
    return "Invalid response object: Value of property PhysicalResourceId must be of type String";
  }
  if (creating && Status === "SUCCESS" && PhysicalResourceId === undefined) return "Invalid PhysicalResourceId";
  if (Data !== undefined && Data !== null && !isObject(Data)) {
    return "Invalid response object: Value of property Data must be an object";
  }
  return {
    Status,
    ...(typeof Reason === "string" ? { Reason } : {}),
    ...(typeof PhysicalResourceId === "string" ? { PhysicalResourceId } : {}),
    ...(document["NoEcho"] === true || document["NoEcho"] === "true" ? { NoEcho: true } : {}),
    ...(isObject(Data) ? { Data: flattened(Data) } : {}),
  };
}

/** `Fn::GetAtt` reaches into nested data by dots. */
function flattened(data: Readonly<Record<string, Value>>): Record<string, Value> {
  const result: Record<string, Value> = {};
  const add = (value: Value, path: string, depth: number) => {
    result[path] = value;
    if (isObject(value) && depth < 8) {
      for (const [name, member] of Object.entries(value)) add(member, `${path}.${name}`, depth + 1);
    }
  };
  for (const [name, member] of Object.entries(data)) add(member, name, 0);
  return result;
}

/** `PUT /_aws/cloudformation/response/TOKEN`: where a custom resource's function sends its answer. Whoever knows the token may. */
export function responseFront(engine: Engine): HttpFront {
  return {
    name: "cloudformation-response",
    path: /^\/_aws\/cloudformation\/response\/(?<token>[A-Za-z0-9]+)$/,
    async handle(flow, request, groups): Promise<HttpResponse> {
      const plain = { "content-type": "text/plain" };
      if (request.method !== "PUT") return { status: 405, headers: { ...plain, allow: "PUT" }, body: "PUT only\n" };
      const query = new URLSearchParams(request.query);
      const home = flow.as({
        accountId: (query.get("account") ?? flow.accountId) as typeof flow.accountId,
        region: (query.get("region") ?? flow.region) as typeof flow.region,
      });
      const token = groups["token"]!;
      let text: string | undefined;
      try {
        text = (await request.readBody(RESPONSE_BYTES_MAX, () => new TooLong())).toString("utf8");
      } catch (error) {
        if (!(error instanceof TooLong)) throw error;
      }
      const taken = await home.write((tx, context) => {
        const pending = responses.get(tx, keys.response(context, token));
        const task = pending && tasks.get(tx, keys.task(context, pending.stackUuid, pending.taskId));
        const stack = pending && stacks.get(tx, keys.stack(context, pending.stackUuid));
        if (!pending || !task || !stack) return false;
        const document =
          text === undefined
            ? "Response object is too long."
            : readResponse(
                text,
                { requestId: pending.requestId, stackId: stack.stackId, logicalId: task.logicalId },
                task.action === "create" || task.action === "replace",
              );
        return answer(
          engine,
          tx,
          context,
          token,
          typeof document === "string" ? { error: document, asked: true } : { document },
        );
      });
      if (!taken) return { status: 403, headers: plain, body: "No custom resource waits for this answer.\n" };
      return { status: 200, headers: { "content-length": "0" } };
    },
  };
}

class TooLong extends Error {}
