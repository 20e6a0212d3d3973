/** For tests of this room: a schedule under way, told as a story. */
import { decide, nextDueMs } from "./decide.ts";
import type { Action, FunctionFacts, Observation } from "./observations.ts";
import type { Policy } from "./policy.ts";
import { createSchedulerState } from "./state.ts";

export const POLICY: Policy = {
  keepAlive: "fixed",
  keepAliveMs: 300_000,
  sparesPerRuntime: 0,
  spareIdleMs: 60_000,
  startsMax: 10,
  cores: Number.POSITIVE_INFINITY,
  idleMax: 100,
  idleMemoryMaxMb: 100_000,
  memoryMaxMb: 1_000_000,
  workerMemoryMb: 64,
  accountConcurrency: 1000,
  burst: 1000,
};

export const facts = (name: string, more: Partial<FunctionFacts> = {}): FunctionFacts => ({
  revision: `${name}-1`,
  functionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
  version: "$LATEST",
  account: "000000000000/us-east-1",
  runtime: "nodejs24.x",
  timeoutMs: 3000,
  memoryMb: 128,
  takesSpare: true,
  ...more,
});

/** Credentials that outlive every story. */
const NEVER_MS = 1e12;

function words(action: Action): string {
  switch (action.type) {
    case "refuse": {
      const reserved = action.reason.startsWith("Reserved") ? " Reserved" : "";
      return `refuse ${action.invocation}${reserved}${action.reason.includes("Rate") ? " rate" : ""}`;
    }
    case "start-spare":
      return `spare ${action.worker} ${action.runtime}`;
    case "start-ahead":
      return `${action.provisioned ? "provision" : "prewarm"} ${action.worker}`;
    case "look":
      return `look after ${action.afterMs}`;
    case "weigh":
      return `weigh ${action.worker} ${action.share}`;
    default:
      return "invocation" in action
        ? `${action.type} ${action.worker} for ${action.invocation}`
        : `${action.type} ${action.worker}`;
  }
}

/** Every step answers with the actions as short text, `start 1 for 7`; what only weighs is left out unless `weights`. */
export function schedule(policy: Partial<Policy> = {}, { weights = false } = {}) {
  const state = createSchedulerState();
  const settings = { ...POLICY, ...policy };
  let nowMs = 0;
  let invocations = 0;
  const tell = (observation: Observation) =>
    decide(state, settings, observation, nowMs)
      .filter(({ type }) => weights || type !== "weigh")
      .map(words);
  const ask = (of: FunctionFacts) => tell({ type: "asked", invocation: ++invocations, facts: of });
  const ready = (worker: number, usableUntilMs = NEVER_MS, initMs?: number, usedMs?: number) =>
    tell({
      type: "initialised",
      worker,
      usableUntilMs,
      ...(initMs !== undefined && { initMs }),
      ...(usedMs !== undefined && { use: { usedMs, waitedMs: 0 } }),
    });
  const finish = (worker: number, memoryMb?: number) =>
    tell({ type: "finished", worker, ...(memoryMb !== undefined && { memoryMb }) });
  return {
    state,
    at: (ms: number) => {
      nowMs = ms;
    },
    due: () => nextDueMs(state, settings),
    tell,
    ask,
    ready,
    finish,
    /** A whole call, over at once. @returns what was done for it and when it was over */
    call(of: FunctionFacts, { initMs, memoryMb }: { readonly initMs?: number; readonly memoryMb?: number } = {}) {
      const asked = ask(of);
      const worker = Number(/^(?:start|run|assign) (\d+)/.exec(asked.at(-1) ?? "")?.[1]);
      if (!asked.at(-1)!.startsWith("run")) ready(worker, NEVER_MS, initMs);
      return [...asked, ...finish(worker, memoryMb)];
    },
    /** CPU time of each worker; all of them have waited `waitedMs` for it. */
    look: (idleCores: number, usedMs: Readonly<Record<number, number>> = {}, waitedMs = 0) =>
      tell({
        type: "looked",
        idleCores,
        uses: new Map(Object.entries(usedMs).map(([worker, ms]) => [Number(worker), { usedMs: ms, waitedMs }])),
      }),
    gone: (worker: number) => tell({ type: "gone", worker }),
    time: () => tell({ type: "time" }),
    provision: (of: FunctionFacts, wanted: number) => tell({ type: "provisioned", facts: of, wanted }),
  };
}
