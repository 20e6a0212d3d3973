/** Where the platform is, whether it is there, and who else sits on its port. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Failure } from "./failure.ts";
import { readKey } from "./root-key.ts";

export const DEFAULT_PORT = 4566;
const PROBE_TIMEOUT_MS = 3_000;

/** Options of every command that speaks to a running platform. */
export interface ClientOptions {
  readonly endpoint?: string;
  readonly port?: number;
  readonly region?: string;
  readonly account?: string;
}

export interface Target {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
}

/** `--endpoint`, else `--port`, else AWS_ENDPOINT_URL, else this machine's port 4566. */
export function endpointOf(options: ClientOptions): string {
  const given =
    options.endpoint ??
    (options.port === undefined ? process.env["AWS_ENDPOINT_URL"] : undefined) ??
    `http://127.0.0.1:${options.port ?? DEFAULT_PORT}`;
  return given.replace(/\/+$/, "");
}

/**
 * Credentials of the environment, unless an account is named: then its twelve digits are the key that selects it. A file is read only where
 * AWS_SHARED_CREDENTIALS_FILE names it, so that nobody's keys for AWS itself are used here by accident.
 */
export function targetOf(options: ClientOptions, endpoint: string = endpointOf(options)): Target {
  const { AWS_REGION, AWS_DEFAULT_REGION } = process.env;
  const credentials = (options.account === undefined ? environmentCredentials() : undefined) ?? {
    accessKeyId: options.account ?? "000000000000",
    secretAccessKey: "virga",
  };
  return { endpoint, region: options.region ?? AWS_REGION ?? AWS_DEFAULT_REGION ?? "us-east-1", credentials };
}

function environmentCredentials(): Target["credentials"] | undefined {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_SHARED_CREDENTIALS_FILE } = process.env;
  if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY) {
    return {
      accessKeyId: AWS_ACCESS_KEY_ID,
      secretAccessKey: AWS_SECRET_ACCESS_KEY,
      ...(AWS_SESSION_TOKEN ? { sessionToken: AWS_SESSION_TOKEN } : {}),
    };
  }
  return AWS_SHARED_CREDENTIALS_FILE ? readKey(AWS_SHARED_CREDENTIALS_FILE) : undefined;
}

/** What `/_virga/health` says, or undefined when nothing, or something else, answers there. */
export async function probe(endpoint: string): Promise<{ readonly version: string } | undefined> {
  try {
    const response = await fetch(`${endpoint}/_virga/health`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    if (!response.ok) return undefined;
    const health = (await response.json()) as { readonly product?: unknown; readonly version?: unknown };
    return health.product === "virga" && typeof health.version === "string" ? { version: health.version } : undefined;
  } catch {
    return undefined;
  }
}

/** The target of a command that needs a running Virga; nothing is ever sent to anything else. @throws Failure */
export async function runningTarget(options: ClientOptions): Promise<Target> {
  const endpoint = endpointOf(options);
  if (!(await probe(endpoint))) {
    throw new Failure(
      `No Virga answers at ${endpoint}.`,
      "Start it with `virga start` or `virga up`, or say where it is with --endpoint URL.",
    );
  }
  return targetOf(options, endpoint);
}

/** The process that listens on a TCP port of this machine, where the system tells (Linux, own processes or root). */
export function portHolder(port: number): { readonly pid: number; readonly command: string } | undefined {
  try {
    const inodes = new Set<string>();
    for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
      for (const line of readFileSync(file, "utf8").split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/);
        const listening = fields[3] === "0A";
        if (listening && Number.parseInt(fields[1]!.split(":").at(-1)!, 16) === port) inodes.add(fields[9]!);
      }
    }
    if (inodes.size === 0) return undefined;
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (!holds(pid, inodes)) continue;
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return { pid: Number(pid), command };
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}

function holds(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        const match = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`));
        return match !== null && inodes.has(match[1]!);
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}
