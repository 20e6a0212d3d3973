/** What becomes of a delivery that failed: tried again, or given up for a reason that its dead-letter queue is told. */
import { AwsError } from "../../kernel/errors.ts";
import { RoleNotAssumed } from "./roles.ts";

export interface RetryPolicy {
  readonly maximumRetryAttempts: number;
  readonly maximumEventAgeSeconds: number;
}

export const RETRY_DEFAULTS: RetryPolicy = { maximumRetryAttempts: 185, maximumEventAgeSeconds: 86_400 };

/** The error codes that EventBridge documents, of those that can happen here. */
export type FailureCode =
  | "ERROR_FROM_TARGET"
  | "FAILED_TO_ASSUME_ROLE"
  | "INVALID_JSON"
  | "INVALID_PARAMETER"
  | "NO_PERMISSIONS"
  | "NO_RESOURCE"
  | "RESOURCE_LIMIT_EXCEEDED"
  | "SDK_CLIENT_ERROR"
  | "THROTTLING";

/** A failure that is told in EventBridge's own terms. */
export class DeliveryFailure extends Error {
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** In EventBridge's words. Undefined: our own fault, and none of the target's. */
export function failureOf(error: unknown): { readonly code: FailureCode; readonly message: string } | undefined {
  if (error instanceof DeliveryFailure) return error;
  if (!(error instanceof AwsError)) return undefined;
  return { code: codeOf(error), message: error.message };
}

function codeOf(error: AwsError): FailureCode {
  if (error instanceof RoleNotAssumed) return "FAILED_TO_ASSUME_ROLE";
  if (/^(AccessDenied|AuthorizationError|NotAuthorized)/.test(error.code)) return "NO_PERMISSIONS";
  if (error.status === 429 || /Throttl|TooManyRequests/.test(error.code)) return "THROTTLING";
  if (/NotFound|DoesNotExist|NonExistent/.test(error.code)) return "NO_RESOURCE";
  if (error.code === "InvalidRequestContentException") return "INVALID_JSON";
  if (error.status >= 500 && error.status !== 501) return "ERROR_FROM_TARGET";
  if (/^(Validation|InvalidParameter|MissingParameter|InvalidArgument)/.test(error.code)) return "INVALID_PARAMETER";
  return "SDK_CLIENT_ERROR";
}

export type Verdict =
  | { readonly what: "again"; readonly dueMs: number }
  | { readonly what: "give-up"; readonly exhausted?: "MaximumRetryAttempts" | "MaximumEventAgeInSeconds" };

const WAIT_MS_MIN = 1_000;
/** 185 attempts in 24 hours are one in eight minutes. */
const WAIT_MS_MAX = 8 * 60_000;

/**
 * Only what may pass by itself is tried again, with exponential backoff and jitter: throttling and errors of the target's own.
 * @param attempts that failed, this one included
 * @param chance in [0, 1)
 * @see https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */
export function judge(
  code: FailureCode,
  { attempts, sinceMs, nowMs, policy }: { attempts: number; sinceMs: number; nowMs: number; policy: RetryPolicy },
  chance: number,
): Verdict {
  if (code !== "THROTTLING" && code !== "ERROR_FROM_TARGET") return { what: "give-up" };
  if (attempts > policy.maximumRetryAttempts) return { what: "give-up", exhausted: "MaximumRetryAttempts" };
  const waitMs = Math.min(WAIT_MS_MIN * 2 ** (attempts - 1), WAIT_MS_MAX) * (1 - chance / 2);
  const dueMs = Math.ceil(nowMs + waitMs);
  if (dueMs > sinceMs + policy.maximumEventAgeSeconds * 1000) {
    return { what: "give-up", exhausted: "MaximumEventAgeInSeconds" };
  }
  return { what: "again", dueMs };
}
