/** What goes into a decision and what comes out of it. */

/** What decisions need to know of a function. */
export interface FunctionFacts {
  /** Same revision, same worker. */
  readonly revision: string;
  readonly functionArn: string;
  readonly version: string;
  /** Account and region: who shares the unreserved concurrency. */
  readonly account: string;
  readonly runtime: string;
  readonly timeoutMs: number;
  readonly memoryMb: number;
  /** Whether a worker started beforehand can take it. */
  readonly takesSpare: boolean;
  readonly concurrencyMax?: number;
  readonly unreservedConcurrencyMax?: number;
}

/** Of a worker, since it began. */
export interface ProcessorUse {
  /** CPU time. */
  readonly usedMs: number;
  /** How long it could have run and was not given a core. */
  readonly waitedMs: number;
}

export type Observation =
  | { readonly type: "asked"; readonly invocation: number; readonly facts: FunctionFacts }
  /** The caller went away; matters only to an invocation that still waits. */
  | { readonly type: "withdrawn"; readonly invocation: number }
  /** A runtime is about to be used. */
  | { readonly type: "expected"; readonly runtime: string }
  /** So many workers of a function are to be there at all times; 0 ends that. */
  | { readonly type: "provisioned"; readonly facts: FunctionFacts; readonly wanted: number }
  | { readonly type: "spare-ready"; readonly worker: number }
  /** A worker has its function. `usableUntilMs` is when its credentials end. */
  | {
      readonly type: "initialised";
      readonly worker: number;
      readonly usableUntilMs: number;
      /** How long that took. */
      readonly initMs?: number;
      /** What that took of the processor, where it is counted. */
      readonly use?: ProcessorUse;
    }
  /** A worker can take another event. */
  | {
      readonly type: "finished";
      readonly worker: number;
      /** The memory it holds, where that is known. */
      readonly memoryMb?: number;
    }
  | { readonly type: "gone"; readonly worker: number }
  /** Without a version: all of them. */
  | { readonly type: "retired"; readonly functionArn: string; readonly version?: string }
  /** What was asked for by `look`. */
  | {
      readonly type: "looked";
      /** Cores that nobody has used since the last look. */
      readonly idleCores: number;
      /** Of the workers that are initialising or busy, where it is counted. */
      readonly uses: ReadonlyMap<number, ProcessorUse>;
    }
  /** Time has passed. */
  | { readonly type: "time" };

/** AWS's reasons. @see https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors */
export type ThrottleReason =
  | "ConcurrentInvocationLimitExceeded"
  | "FunctionInvocationRateLimitExceeded"
  | "ReservedFunctionConcurrentInvocationLimitExceeded"
  | "ReservedFunctionInvocationRateLimitExceeded";

export type Action =
  | { readonly type: "refuse"; readonly invocation: number; readonly reason: ThrottleReason }
  | { readonly type: "start-spare"; readonly worker: number; readonly runtime: string }
  /** A new worker, for this invocation. */
  | { readonly type: "start"; readonly worker: number; readonly invocation: number }
  /** A new worker for a function that nobody waits for yet. */
  | {
      readonly type: "start-ahead";
      readonly worker: number;
      readonly facts: FunctionFacts;
      /** For provisioned concurrency; else because a call is foreseen. */
      readonly provisioned: boolean;
    }
  /** A spare worker gets this invocation's function. */
  | { readonly type: "assign"; readonly worker: number; readonly invocation: number }
  | { readonly type: "run"; readonly worker: number; readonly invocation: number }
  /** The worker's part of the processor, against others of the same memory: 1 when its function runs alone. */
  | { readonly type: "weigh"; readonly worker: number; readonly share: number }
  /** Calls wait for the processor: tell, after so long, what it is used for. */
  | { readonly type: "look"; readonly afterMs: number }
  | { readonly type: "freeze"; readonly worker: number }
  | { readonly type: "end"; readonly worker: number };
