/**
 * Whether an invocation may run: reserved and account concurrency, calls a second, and how fast a function may grow. In AWS's words: ten calls a
 * second for each unit of concurrency, and 1,000 further execution environments every ten seconds for each function.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html
 * @see https://docs.aws.amazon.com/lambda/latest/dg/scaling-behavior.html
 */
import type { FunctionFacts, ThrottleReason } from "./observations.ts";
import { BURST_WINDOW_MS, type Policy } from "./policy.ts";
import { accountOf, type Bucket, type Claim, type Place, type SchedulerState } from "./state.ts";

const CALLS_A_SECOND_PER_CONCURRENCY = 10;

/**
 * @param warm a worker of the function is idle
 * @param provisioned that one is of its provisioned concurrency
 * @returns what the invocation counts against, or why it is refused
 */
export function admit(
  state: SchedulerState,
  policy: Policy,
  place: Place,
  facts: FunctionFacts,
  { warm, provisioned }: { readonly warm: boolean; readonly provisioned: boolean },
  nowMs: number,
): Claim | ThrottleReason {
  const { fn } = place;
  const reserved = facts.concurrencyMax;
  if (reserved !== undefined) {
    if (fn.running >= reserved) return "ReservedFunctionConcurrentInvocationLimitExceeded";
    fn.calls ??= { tokens: reserved * CALLS_A_SECOND_PER_CONCURRENCY, atMs: nowMs };
    const rate = reserved * CALLS_A_SECOND_PER_CONCURRENCY;
    if (!has(fn.calls, rate, rate / 1000, nowMs)) return "ReservedFunctionInvocationRateLimitExceeded";
    if (!warm && !mayGrow(place, policy, nowMs)) return "ReservedFunctionInvocationRateLimitExceeded";
    fn.calls.tokens--;
    return { fn };
  }
  if (provisioned) return { fn };
  const account = accountOf(state, facts.account);
  const most = facts.unreservedConcurrencyMax ?? policy.accountConcurrency;
  if (account.running >= most) return "ConcurrentInvocationLimitExceeded";
  const rate = most * CALLS_A_SECOND_PER_CONCURRENCY;
  account.calls ??= { tokens: rate, atMs: nowMs };
  if (!has(account.calls, rate, rate / 1000, nowMs)) return "FunctionInvocationRateLimitExceeded";
  if (!warm && !mayGrow(place, policy, nowMs)) return "FunctionInvocationRateLimitExceeded";
  account.calls.tokens--;
  return { fn, account };
}

export function count(place: Place, claim: Claim): void {
  place.running++;
  claim.fn.running++;
  if (claim.account) claim.account.running++;
}

/** An invocation is over. */
export function release(place: Place, claim: Claim): void {
  place.running--;
  claim.fn.running--;
  if (claim.account) claim.account.running--;
}

/** A worker that became free spared the function a start. */
export function giveBackStart({ fn }: Place, policy: Policy): void {
  if (fn.starts) fn.starts.tokens = Math.min(policy.burst, fn.starts.tokens + 1);
}

function mayGrow({ fn }: Place, policy: Policy, nowMs: number): boolean {
  fn.starts ??= { tokens: policy.burst, atMs: nowMs };
  if (!has(fn.starts, policy.burst, policy.burst / BURST_WINDOW_MS, nowMs)) return false;
  fn.starts.tokens--;
  return true;
}

/** Whether there is a token, after those have come back that are due. A clock that was set back gives none. */
function has(bucket: Bucket, most: number, perMs: number, nowMs: number): boolean {
  bucket.tokens = Math.min(most, bucket.tokens + Math.max(0, nowMs - bucket.atMs) * perMs);
  bucket.atMs = nowMs;
  return bucket.tokens >= 1;
}
