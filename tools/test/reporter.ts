/** A reporter of `node:test` that hands what happens to the process that started this one. */
import type { TestEvent } from "node:test/reporters";

/** What of a test's or suite's start or end the runner wants to know. */
export interface Report {
  readonly kind: "start" | "pass" | "fail";
  readonly name: string;
  /** 0: a file. */
  readonly nesting: number;
  readonly suite: boolean;
  readonly skipped: boolean;
  readonly durationMs: number;
  /** Why it failed; absent where only something inside of it did. */
  readonly reason?: string;
}

/** Prints nothing: everything goes to the parent. */
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const told = reportOf(event);
    if (told !== undefined) process.send?.(told);
    yield "";
  }
}

function reportOf(event: TestEvent): Report | undefined {
  if (event.type === "test:dequeue") {
    const { name, nesting } = event.data;
    return { kind: "start", name, nesting, suite: false, skipped: false, durationMs: 0 };
  }
  if (event.type !== "test:pass" && event.type !== "test:fail") return undefined;
  const { name, nesting, details } = event.data;
  const ended = {
    name,
    nesting,
    suite: details.type === "suite",
    skipped: event.data.skip !== undefined || event.data.todo !== undefined,
    durationMs: details.duration_ms,
  };
  if (event.type === "test:pass") return { kind: "pass", ...ended };
  const error: any = event.data.details.error;
  if (error?.failureType === "subtestsFailed") return { kind: "fail", ...ended };
  return { kind: "fail", ...ended, reason: String(error?.cause?.stack ?? error?.cause ?? error?.message ?? error) };
}
