/** `virga simulate`: how the keep-alive policies would have done on a recorded workload. The scheduler is the real one, time and workers are played. */
import { writeFileSync } from "node:fs";
import { basename } from "node:path";
import type { KeepAlive } from "../functions/scheduler/policy.ts";
import { COLUMNS, compare, nameOf, rowOf, settingsOf } from "../functions/simulation/compare.ts";
import { openTrace } from "../functions/simulation/open.ts";
import { drawComparison } from "../functions/simulation/picture.ts";
import { TraceRefused } from "../functions/simulation/trace.ts";
import { EXIT_USAGE, Failure } from "./failure.ts";
import { bold, dim, print, printJson, say, table } from "./terminal.ts";

export interface SimulateOptions {
  readonly keepAlive?: readonly KeepAlive[];
  readonly keepAliveMinutes?: number;
  readonly idleMemory?: number;
  readonly seed: number;
  readonly svg?: string;
  readonly json?: boolean;
}

export function simulate(path: string, options: SimulateOptions): void {
  const trace = open(path);
  const settings = settingsOf(options.keepAlive, options.keepAliveMinutes, options.idleMemory);
  const shown = !options.json && process.stderr.isTTY;
  const compared = compare(trace, settings, options.seed, (setting, calls) => {
    if (shown) process.stderr.write(`\r  ${nameOf(setting)}: ${Math.floor((100 * calls) / trace.callCount)} %   `);
  });
  if (shown) process.stderr.write("\r\x1b[K");
  if (options.svg !== undefined) writeFileSync(options.svg, drawComparison(basename(path), compared));
  const { schema, functions, callCount, lengthMs, assumed } = trace;
  if (options.json) {
    printJson({
      trace: { path, schema, functions: functions.length, calls: callCount, lengthMs, assumed },
      seed: options.seed,
      policies: compared,
    });
    return;
  }
  say(`${bold(basename(path))} ${dim(`${schema}: ${functions.length} functions, ${callCount} calls`)}`);
  for (const what of assumed) say(dim(`  taken as given: ${what}`));
  print(table([[...COLUMNS], ...compared.map(rowOf)], ""));
}

function open(path: string): ReturnType<typeof openTrace> {
  try {
    return openTrace(path);
  } catch (error) {
    if (error instanceof TraceRefused) throw new Failure(error.message, undefined, EXIT_USAGE);
    throw error;
  }
}
