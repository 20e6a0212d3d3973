/** Calling functions as API Gateway does: an integration or an authorizer in front of Lambda's own Invoke. */
import type { AccountId, Region } from "../../kernel/arn.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { FlowContext, Principal } from "../service.ts";

export type LambdaAnswer =
  | { readonly kind: "ok"; readonly text: string }
  /** The function threw, timed out or crashed. */
  | { readonly kind: "function-error"; readonly text: string }
  | { readonly kind: "throttled" }
  /** The event is larger than Lambda's 6 MB. */
  | { readonly kind: "too-large" }
  /** No such function, no permission, or a function in a state that cannot be invoked. */
  | { readonly kind: "refused"; readonly error: AwsError };

export async function invokeFunction(
  flow: FlowContext,
  request: {
    readonly functionArn: string;
    readonly event: unknown;
    readonly principal: Principal;
    readonly signal: AbortSignal;
    /** `Event` for asynchronous invocation. */
    readonly invocationType?: "RequestResponse" | "Event";
  },
): Promise<LambdaAnswer> {
  try {
    const answer = await flow.call(
      "lambda",
      "Invoke",
      {
        FunctionName: request.functionArn,
        InvocationType: request.invocationType ?? "RequestResponse",
        Payload:
          typeof request.event === "string" ? Buffer.from(request.event) : Buffer.from(JSON.stringify(request.event)),
      },
      { principal: request.principal, signal: request.signal, ...functionHome(request.functionArn) },
    );
    const text = answer.Payload ? Buffer.from(answer.Payload).toString("utf8") : "";
    return { kind: answer.FunctionError ? "function-error" : "ok", text };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    if (error.code === "TooManyRequestsException") return { kind: "throttled" };
    if (error.code === "RequestTooLargeException") return { kind: "too-large" };
    return { kind: "refused", error };
  }
}

/** A function may live in another account or region than the API. */
function functionHome(functionArn: string): { readonly region: Region; readonly accountId: AccountId } {
  const [, , , region, accountId] = functionArn.split(":");
  return { region: region as Region, accountId: accountId as AccountId };
}
