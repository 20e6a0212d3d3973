/**
 * The port through which functions are run. `functions/` implements it with sandboxed processes; whoever calls it (the Lambda service, by
 * way of the platform) describes a function completely and knows nothing of workers.
 */
import type { ThrottleReason } from "./scheduler/observations.ts";
import type { Provision } from "./scheduler/provisioned.ts";

export type { ThrottleReason } from "./scheduler/observations.ts";
export type { Provision } from "./scheduler/provisioned.ts";

/** One revision of one function, described completely. Two specs with the same `key` are the same. */
export interface FunctionSpec {
  /** Changes whenever code or configuration change: workers of older revisions are retired once idle. */
  readonly key: string;
  readonly functionName: string;
  /** Unqualified function ARN. */
  readonly functionArn: string;
  /** The ARN by which it is invoked, qualifier included. */
  readonly invokedArn: string;
  /** `$LATEST` or a number. */
  readonly version: string;
  readonly accountId: string;
  readonly region: string;
  /** `nodejs22.x`, `python3.12`, `provided.al2023` … */
  readonly runtime: string;
  readonly handler: string;
  /** Folder with the unpacked code, mounted read-only at /var/task. */
  readonly codeDirectory: string;
  /** Unpacked layers in order, merged at /opt. */
  readonly layerDirectories: readonly string[];
  /** The user's variables and those that aim SDKs at Virga; AWS_LAMBDA_* and credentials are added by the host. */
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly ephemeralStorageMb: number;
  readonly logGroup: string;
  readonly logFormat: "Text" | "JSON";
  /** With JSON logs: the least severe level of the function's own lines that is kept; default INFO. */
  readonly applicationLogLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";
  /** With JSON logs: the least severe level of `platform.*` lines that is kept; default INFO. */
  readonly systemLogLevel?: "DEBUG" | "INFO" | "WARN";
  /** Reserved concurrency: at most this many invocations of the function (all versions together) at once. */
  readonly concurrencyMax?: number;
  /** Without reserved concurrency: how many invocations all such functions of the account may run at once; default 1,000. */
  readonly unreservedConcurrencyMax?: number;
  /** Fresh credentials of the execution role. */
  credentials(): Promise<FunctionCredentials>;
}

export interface FunctionCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** When they end, milliseconds since the epoch; default an hour from when they were asked for. No worker outlives its credentials. */
  readonly expiresMs?: number;
}

export interface Invocation {
  readonly requestId: string;
  readonly payload: Uint8Array;
  /** `X-Amzn-Trace-Id` value. */
  readonly traceId?: string;
  /** Base64-decoded JSON text. */
  readonly clientContext?: string;
  /** Where what the function streams goes; without it, it is collected. What is not streamed is the result's payload either way. */
  readonly sink?: ResponseSink;
}

/** Takes a response piece by piece, while the function writes it. */
export interface ResponseSink {
  /**
   * @param contentType what the function calls it, once it has said so
   * @returns resolves when more may come; undefined when it may at once
   */
  write(chunk: Buffer, contentType: string | undefined): Promise<void> | undefined;
}

export interface InvocationResult {
  readonly payload: Buffer;
  /** Absent on success. `Unhandled` for whatever the function threw, for timeouts and for crashes, as AWS reports it today. */
  readonly functionError?: "Handled" | "Unhandled";
  /** The last 4 KB of this invocation's log. */
  readonly logTail: Buffer;
  readonly durationMs: number;
  /** Whole milliseconds, initialisation included on a cold start. */
  readonly billedMs: number;
  /** Present on a cold start. */
  readonly initMs?: number;
  readonly memoryUsedMb: number;
}

export interface LogLine {
  readonly timestampMs: number;
  /** As CloudWatch Logs stores it: several lines where one entry has several, a line feed at its end. */
  readonly message: string;
}

export type Availability =
  | { readonly available: true; readonly how: string }
  /** `remedy` tells how to get it. */
  | { readonly available: false; readonly remedy: string };

/** Workers of one version of a function, by what they do. */
export interface FunctionActivity {
  readonly functionArn: string;
  readonly version: string;
  readonly initialising: number;
  readonly busy: number;
  /** Between calls, frozen. */
  readonly idle: number;
}

/** What a host tells of its workers. Nothing here may throw or take long: it is called in the middle of the host's work. */
export interface HostObserver {
  /** Those whose workers have changed, as they are now; at most once in a turn of the event loop. `spares`: workers that have no function yet. */
  changed?(functions: readonly FunctionActivity[], spares: number): void;
  coldStart?(start: { readonly functionArn: string; readonly version: string; readonly initMs: number }): void;
  throttled?(what: { readonly functionArn: string; readonly version: string; readonly reason: ThrottleReason }): void;
}

export interface FunctionHost {
  /**
   * Runs one invocation in a worker of its own: a warm one, a spare one, or a new one.
   * A `signal` that aborts before the function was given its event withdraws the invocation; afterwards it changes nothing, as on AWS.
   * @throws ConcurrencyExceeded when no worker may be added (nothing was run)
   * @throws RuntimeUnavailable when the machine cannot run the function's runtime (nothing was run)
   */
  invoke(spec: FunctionSpec, invocation: Invocation, signal?: AbortSignal): Promise<InvocationResult>;
  /** A function of this runtime was deployed or is about to be called: have a spare worker ready for a while. */
  expect(runtime: string): void;
  /** Ends the idle workers of these functions (by functionArn and version) and lets busy ones finish. */
  retire(functionArn: string, version?: string): void;
  /**
   * Keeps so many workers of this version initialised; 0 ends that. Whoever has said so says it again when the version's code changes or a host
   * is opened anew.
   */
  provision(spec: FunctionSpec, wanted: number): void;
  /** What has come of that. */
  provisioned(functionArn: string, version: string): Provision | undefined;
  /** Observes the workers; call what is returned to end it. */
  watch(observer: HostObserver): () => void;
  /** Whether this machine can run a runtime. */
  runtime(name: string): Availability;
  /** What the machine offers: isolation level, cgroups, runtimes; for `virga doctor`. */
  report(): readonly {
    readonly subject: string;
    readonly status: "ok" | "degraded" | "missing";
    readonly detail: string;
    readonly remedy?: string;
  }[];
  /** Every worker by state, for metrics and the console. */
  workers(): readonly {
    readonly functionArn: string;
    readonly version: string;
    readonly state: "initialising" | "ready" | "busy" | "frozen";
    readonly pid: number;
  }[];
  /** Ends every worker. */
  close(): Promise<void>;
}

/** Where the lines that a worker writes go; the host adds START, END and REPORT. */
export type LogSink = (spec: FunctionSpec, logStream: string, lines: readonly LogLine[]) => void;

/** The machine cannot run this runtime; `remedy` tells how to get it. */
export class RuntimeUnavailable extends Error {
  override readonly name = "RuntimeUnavailable";
  readonly remedy: string;

  constructor(runtime: string, remedy: string) {
    super(`This machine cannot run the runtime ${runtime}. ${remedy}`);
    this.remedy = remedy;
  }
}

/** The concurrency limits leave no room; nothing was run. */
export class ConcurrencyExceeded extends Error {
  override readonly name = "ConcurrencyExceeded";
  readonly reason: ThrottleReason;

  constructor(reason: ThrottleReason) {
    super("Rate Exceeded.");
    this.reason = reason;
  }
}
