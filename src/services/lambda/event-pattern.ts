/**
 * Event patterns as the filter criteria of event source mappings know them: EventBridge's language without wildcards and address blocks.
 * @see https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html#filtering-syntax
 */
import { compilePattern as compile, type EventPattern } from "../pattern-common/pattern.ts";
import type { Operator } from "../pattern-common/tests.ts";

export type { EventPattern } from "../pattern-common/pattern.ts";
export { InvalidPattern } from "../pattern-common/tests.ts";

const OPERATORS: readonly Operator[] = ["prefix", "suffix", "equals-ignore-case", "anything-but", "numeric", "exists"];

/** An empty pattern lets everything pass. @throws InvalidPattern */
export function compilePattern(pattern: unknown): EventPattern {
  if (typeof pattern === "object" && pattern !== null && Object.keys(pattern).length === 0) return () => true;
  return compile(pattern, { operators: OPERATORS });
}
