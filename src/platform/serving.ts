/** A real platform on a free port, for tests that need the wire: memory engine unless a folder is given, quiet log. */
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, Region } from "../kernel/arn.ts";
import { createLog, type LogFields, type LogLevel } from "../kernel/log.ts";
import { openPlatform, type Platform, type PlatformSettings } from "./open.ts";

export interface ServedPlatform extends Platform {
  /** What was logged at warn and above. */
  readonly logged: ReadonlyArray<{ readonly level: LogLevel; readonly message: string; readonly fields: LogFields }>;
}

export async function servePlatform(settings: Partial<PlatformSettings> = {}): Promise<ServedPlatform> {
  const logged: Array<{ level: LogLevel; message: string; fields: LogFields }> = [];
  const platform = await openPlatform({
    port: 0,
    host: "127.0.0.1",
    dataDirectory: settings.ephemeral === false ? mkdtempSync(join(tmpdir(), "virga-served-")) : "",
    ephemeral: true,
    durability: "strict",
    authRequired: false,
    region: "us-east-1" as Region,
    accountId: "000000000000" as AccountId,
    log: createLog((level, message, fields) => logged.push({ level, message, fields }), "warn"),
    shapesDirectory: join(import.meta.dirname, "../../generated/shapes"),
    consoleDirectory: join(import.meta.dirname, "../../generated/console"),
    version: "0.0.0-test",
    ...settings,
  });
  return Object.assign(platform, { logged });
}
