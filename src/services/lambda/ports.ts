/**
 * What Lambda needs of the outside world. The platform supplies it; this room knows neither processes nor the file system.
 */
import type { Readable } from "node:stream";
import type { Transaction } from "../../storage/transaction.ts";
import type { Principal } from "../service.ts";

/** One revision of one function, described completely. The structural twin of `FunctionSpec` in `src/functions/host.ts`. */
export interface FunctionSpec {
  readonly key: string;
  readonly functionName: string;
  readonly functionArn: string;
  readonly invokedArn: string;
  readonly version: string;
  readonly accountId: string;
  readonly region: string;
  readonly runtime: string;
  readonly handler: string;
  readonly codeDirectory: string;
  readonly layerDirectories: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  readonly ephemeralStorageMb: number;
  readonly logGroup: string;
  readonly logFormat: "Text" | "JSON";
  readonly applicationLogLevel?: "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" | "FATAL";
  readonly systemLogLevel?: "DEBUG" | "INFO" | "WARN";
  readonly concurrencyMax?: number;
  readonly unreservedConcurrencyMax?: number;
  credentials(): Promise<Credentials>;
}

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresMs?: number;
}

export interface Invocation {
  readonly requestId: string;
  readonly payload: Uint8Array;
  readonly traceId?: string;
  readonly clientContext?: string;
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
  readonly functionError?: "Handled" | "Unhandled";
  readonly logTail: Buffer;
  readonly durationMs: number;
  readonly billedMs: number;
  readonly initMs?: number;
  readonly memoryUsedMb: number;
}

export type Availability =
  | { readonly available: true; readonly how: string }
  | { readonly available: false; readonly remedy: string };

export type LogSink = (
  spec: FunctionSpec,
  logStream: string,
  lines: readonly { readonly timestampMs: number; readonly message: string }[],
) => void;

/** What runs the code. */
export interface FunctionHost {
  /** @throws an error named `ConcurrencyExceeded` with a `reason`, or `RuntimeUnavailable` with a `remedy`, when nothing was run */
  invoke(spec: FunctionSpec, invocation: Invocation, signal?: AbortSignal): Promise<InvocationResult>;
  expect(runtime: string): void;
  retire(functionArn: string, version?: string): void;
  /** Keeps so many workers of this version initialised; 0 ends that. @throws an error named `RuntimeUnavailable` */
  provision(spec: FunctionSpec, wanted: number): void;
  /** What has come of that: workers that are initialised, and whether an initialisation has failed. */
  provisioned(
    functionArn: string,
    version: string,
  ): { readonly wanted: number; readonly allocated: number; readonly failed: boolean } | undefined;
  runtime(name: string): Availability;
  close(): Promise<void>;
}

/** Zip archives. The structural twin of `Packages` in `src/functions/packages.ts`. */
export interface Packages {
  /**
   * Unpacks an archive into a folder of its own, or finds it unpacked.
   * @throws an error named `PackageRefused` whose `reason` is `InvalidZip` or `TooLarge`
   */
  unpack(zipFile: string): Promise<{ readonly directory: string }>;
  /** Makes an archive from files by their names in it. */
  zip(files: Readonly<Record<string, string | Uint8Array>>): Promise<Buffer>;
  /** Removes what was unpacked from archives other than these (base64 SHA-256). */
  keep(sha256s: ReadonlySet<string>): Promise<void>;
}

/** Folders of this machine that are code as they are. */
export interface Folders {
  /** Whether somebody may name folders of this machine at all: what lies in them becomes theirs to read. */
  mayUse(principal: Principal): boolean;
  isFolder(path: string): Promise<boolean>;
  /** Text that changes whenever something in the folder has changed since the last call. Cheap enough to be asked at every invocation. */
  revision(path: string): string;
  zip(path: string): Promise<Readable>;
}

export interface LambdaPorts {
  /** Whether a signed caller may call a function URL whose AuthType is AWS_IAM. */
  readonly mayCallUrl: (
    tx: Transaction,
    request: {
      readonly principal: Principal;
      readonly action: string;
      readonly resource: string;
      readonly conditions: Readonly<Record<string, string>>;
      readonly nowMs: number;
      readonly resourcePolicy: string | undefined;
    },
  ) => boolean;
  /** Opens the host once; what workers write goes to `sink`. The service closes it when it stops. */
  readonly openHost: (sink: LogSink) => FunctionHost;
  readonly packages: Packages;
  readonly folders: Folders;
  /** The platform's address as workers reach it, with an IP address so that S3 clients use path style: `http://127.0.0.1:4566`. */
  readonly workerEndpoint: () => string;
}

/** `InvalidZip` or `TooLarge`, when an error says that an archive cannot be used. */
export function packageRefused(error: unknown): string | undefined {
  if (error instanceof Error && error.name === "PackageRefused" && "reason" in error) return String(error.reason);
  return undefined;
}

/** What to do, when an error says that this machine cannot run the runtime. */
export function runtimeUnavailable(error: unknown): string | undefined {
  return error instanceof Error && error.name === "RuntimeUnavailable" ? error.message : undefined;
}

/** The reason, when an error says that a concurrency limit was reached and nothing was run. */
export function concurrencyExceeded(error: unknown): string | undefined {
  if (error instanceof Error && error.name === "ConcurrencyExceeded" && "reason" in error) return String(error.reason);
  return undefined;
}
