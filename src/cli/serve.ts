/** Opens the platform in this process, and turns what can go wrong into what to do about it. */
import { resolve } from "node:path";
import type { KeepAlive } from "../functions/scheduler/policy.ts";
import type { FunctionHostSettings } from "../functions/settings.ts";
import type { AccountId, Region } from "../kernel/arn.ts";
import { createLog, type LogLevel } from "../kernel/log.ts";
import { demandsKeys, openPlatform, type Platform } from "../platform/open.ts";
import { DEFAULT_PORT, portHolder, probe } from "./endpoint.ts";
import { EXIT_INTERRUPTED, EXIT_USAGE, Failure } from "./failure.ts";
import { assetDirectory, version } from "./package.ts";
import { createRootKey, keptRootKey, type RootKey, rootKeyFile } from "./root-key.ts";
import { bold, dim, red, say, yellow } from "./terminal.ts";

/** Options of the commands that open a platform, as commander gives them. */
export interface ServeOptions {
  readonly port?: number;
  readonly host?: string;
  readonly data?: string;
  readonly ephemeral?: boolean;
  readonly durability?: "strict" | "relaxed";
  readonly auth?: "required";
  readonly region?: string;
  readonly account?: string;
  readonly smtp?: string;
  readonly containerSocket?: string;
  readonly otlp?: string;
  readonly keepAlive?: KeepAlive;
  readonly keepAliveMinutes?: number;
  /** Megabytes, as is the next. */
  readonly idleMemory?: number;
  readonly functionMemory?: number;
  /** Programs by the runtime that they run. */
  readonly runtime?: Readonly<Record<string, string>>;
  readonly logLevel?: LogLevel;
  readonly json?: boolean;
}

export interface Served {
  /** As SDKs are given it. */
  readonly endpoint: string;
  /** Absent when nothing is kept. */
  readonly dataDirectory: string | undefined;
  /** The root's key, where keys must be known. */
  readonly rootKey: RootKey | undefined;
  report: Platform["report"];
  containers: Platform["containers"];
  close(): Promise<void>;
}

const DATA = ".virga";
/** A person who waits longer than this is told what is going on. */
const CLOSING_MS = 3_000;

/** @throws Failure when the port is taken or the data cannot be used */
export async function serve(options: ServeOptions): Promise<Served> {
  const port = options.port ?? DEFAULT_PORT;
  const host = options.host ?? "127.0.0.1";
  if (options.ephemeral && options.data !== undefined) {
    throw new Failure("--ephemeral keeps nothing, --data keeps everything.", "Give one of them.", EXIT_USAGE);
  }
  const otlpEndpoint = options.otlp ?? process.env["OTEL_EXPORTER_OTLP_ENDPOINT"];
  const dataDirectory = options.ephemeral ? undefined : resolve(options.data ?? DATA);
  const authRequired = options.auth === "required";
  try {
    const rootKey = demandsKeys({ authRequired, host })
      ? dataDirectory === undefined
        ? createRootKey()
        : keptRootKey(dataDirectory)
      : undefined;
    const platform = await openPlatform({
      port,
      host,
      dataDirectory: dataDirectory ?? "",
      ephemeral: dataDirectory === undefined,
      durability: options.durability ?? "strict",
      authRequired,
      region: (options.region ?? "us-east-1") as Region,
      accountId: (options.account ?? "000000000000") as AccountId,
      ...(rootKey ? { rootKey } : {}),
      ...(options.smtp ? { smtpUrl: options.smtp } : {}),
      ...(options.containerSocket ? { containerSocket: options.containerSocket } : {}),
      ...(otlpEndpoint ? { otlpEndpoint } : {}),
      functions: functionSettings(options),
      shapesDirectory: assetDirectory("shapes"),
      consoleDirectory: assetDirectory("console"),
      version: version(),
      log: createLog(options.json ? writeJson : writeText, options.logLevel ?? "warn"),
    });
    return {
      endpoint: platform.endpoint,
      dataDirectory,
      rootKey,
      report: platform.report,
      containers: platform.containers,
      close: () => platform.close(),
    };
  } catch (error) {
    throw await explained(error as NodeJS.ErrnoException, port, host);
  }
}

function functionSettings(options: ServeOptions): FunctionHostSettings {
  const { keepAlive, keepAliveMinutes, idleMemory, functionMemory, runtime } = options;
  return {
    ...(keepAlive === undefined ? {} : { keepAlive }),
    ...(keepAliveMinutes === undefined ? {} : { keepAliveMs: keepAliveMinutes * 60_000 }),
    ...(idleMemory === undefined ? {} : { idleMemoryMaxMb: idleMemory }),
    ...(functionMemory === undefined ? {} : { memoryMaxMb: functionMemory }),
    ...(runtime === undefined ? {} : { runtimes: runtime }),
  };
}

async function explained(error: NodeJS.ErrnoException, port: number, host: string): Promise<Error> {
  switch (error.code) {
    case "EADDRINUSE": {
      const holder = portHolder(port);
      const virga = await probe(`http://127.0.0.1:${port}`);
      const by = holder ? ` by process ${holder.pid} (${holder.command.slice(0, 120)})` : "";
      return virga
        ? new Failure(
            `Virga ${virga.version} runs on port ${port} already${holder ? ` (process ${holder.pid})` : ""}.`,
            `Use that one, stop it, or start another one with --port ${port + 1} --data DIR.`,
          )
        : new Failure(`Port ${port} is in use${by}.`, `Stop that process, or choose another port: --port ${port + 1}`);
    }
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return new Failure(`${host} is not an address of this machine.`, "Choose another one with --host.");
    case "EACCES":
      return new Failure(`${error.message}.`, "Choose a port above 1023 and a data folder that you may write to.");
    default:
      return error.name === "DirectoryLocked" || error.name === "DataRefused" ? new Failure(error.message) : error;
  }
}

/** How a person's shell gets the root's key. */
export function credentialsHint({ rootKey, dataDirectory }: Served): string | undefined {
  if (!rootKey) return undefined;
  return dataDirectory === undefined
    ? `export AWS_ACCESS_KEY_ID=${rootKey.accessKeyId} AWS_SECRET_ACCESS_KEY=${rootKey.secretAccessKey}`
    : `export AWS_SHARED_CREDENTIALS_FILE=${rootKeyFile(dataDirectory)}`;
}

/** Resolves when the process is asked to end. A second request ends it at once. */
export function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const stop = () => {
      if (asked) process.exit(EXIT_INTERRUPTED);
      asked = true;
      setTimeout(
        () => say("Still closing. Ctrl-C again ends it at once; nothing acknowledged is lost."),
        CLOSING_MS,
      ).unref();
      resolve();
    };
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  });
}

function writeText(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
  const mark = { debug: dim("debug"), info: bold("info "), warn: yellow("warn "), error: red("error") }[level];
  const details = Object.entries(fields).map(([name, value]) =>
    value instanceof Error
      ? `\n${value.stack}`
      : ` ${dim(`${name}=`)}${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  say(`${mark} ${message}${details.join("")}`);
}

function writeJson(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>>): void {
  const plain = Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? value.stack : value]);
  const record = { time: new Date().toISOString(), level, message, fields: Object.fromEntries(plain) };
  process.stderr.write(`${JSON.stringify(record)}\n`);
}
