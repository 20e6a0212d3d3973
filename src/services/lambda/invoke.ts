/** Invoke: now and wait, later, or only to see whether one may. */
import type { Flow, FlowContext, InputOf, OutputOf } from "../service.ts";
import { accept } from "./asynchronous.ts";
import { invalidRequestContent, requestTooLarge } from "./errors.ts";
import { execute, resolveTarget } from "./execution.ts";
import { locate } from "./names.ts";
import { constraints, LIMITS } from "./rules.ts";
import type { Functions } from "./stored.ts";

type Input = InputOf<"lambda", "Invoke">;
type Output = OutputOf<"lambda", "Invoke">;

const EMPTY_EVENT = Buffer.from("{}");

/**
 * @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 * @throws ValidationException, RequestEntityTooLargeException, InvalidRequestContentException, ResourceNotFoundException, TooManyRequestsException
 */
export function invoke(functions: Functions): Flow<Input, Output> {
  return async (flow: FlowContext, input: Input) => {
    const at = locate(input.FunctionName, flow, input.Qualifier);
    const found = constraints();
    found.oneOf("invocationType", input.InvocationType, ["Event", "RequestResponse", "DryRun"]);
    found.oneOf("logType", input.LogType, ["None", "Tail"]);
    found.check();
    const asynchronous = input.InvocationType === "Event";
    const payload = readPayload(input.Payload as Uint8Array | string | undefined, asynchronous);
    const clientContext = readClientContext(input.ClientContext);

    if (asynchronous) {
      await flow.write((tx, context) => {
        const target = resolveTarget(tx, at, context);
        accept(tx, context, target.at, payload, clientContext);
      });
      return { StatusCode: 202, Payload: new Uint8Array() as Output["Payload"] };
    }
    const target = await flow.write((tx, context) => resolveTarget(tx, at, context));
    if (input.InvocationType === "DryRun") {
      return {
        StatusCode: 204,
        ExecutedVersion: target.record.version,
        Payload: new Uint8Array() as Output["Payload"],
      };
    }
    const result = await execute(functions, flow, target, { payload, clientContext, requestId: flow.requestId });
    return {
      StatusCode: 200,
      ...(result.functionError === undefined ? {} : { FunctionError: result.functionError }),
      ...(input.LogType === "Tail" ? { LogResult: result.logTail.toString("base64") } : {}),
      Payload: result.payload as unknown as Output["Payload"],
      ExecutedVersion: result.version,
    };
  };
}

/** An empty payload is an empty event. */
export function readPayload(given: Uint8Array | string | undefined, asynchronous: boolean): Buffer {
  const payload = given === undefined ? EMPTY_EVENT : Buffer.from(given as Uint8Array);
  const limit = asynchronous ? LIMITS.asyncPayloadBytes : LIMITS.syncPayloadBytes;
  if (payload.byteLength > limit) {
    throw requestTooLarge(`Request must be smaller than ${limit} bytes for the InvokeFunction operation`);
  }
  if (payload.byteLength === 0) return EMPTY_EVENT;
  try {
    JSON.parse(payload.toString("utf8"));
  } catch (error) {
    throw invalidRequestContent(
      `Could not parse request body into json: Could not parse payload into json: ${(error as Error).message}`,
    );
  }
  return payload;
}

/** Base64 of a JSON text of at most 3,583 bytes; handed on decoded. */
export function readClientContext(given: string | undefined): string | undefined {
  if (given === undefined) return undefined;
  const text = Buffer.from(given, "base64").toString("utf8");
  if (Buffer.byteLength(given) > LIMITS.clientContextBytes) {
    throw invalidRequestContent(`Client context must be smaller than ${LIMITS.clientContextBytes} bytes.`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw invalidRequestContent("Client context must be a valid Base64-encoded JSON object.");
  }
  return text;
}
