/**
 * The test runner behind `npm test` and `npm run check`.
 *
 *     node tools/test.ts check [FILE-PART…]    the quick tests beside the source, and 50 simulated seeds
 *     node tools/test.ts all [FILE-PART…]      every test there is
 *
 * Each file runs in a process of its own. Light ones run side by side, as many as there are cores; those that start browsers, build packages
 * or kill platforms run one after the other, because they would disturb one another. The last line is `N passed, N failed`.
 */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { relative } from "node:path";
import { run } from "node:test";
import { setUp } from "./setup.ts";

/** Folders whose tests run by themselves. */
const HEAVY = ["test/browser/", "test/cli/", "test/clients/", "test/kill/", "test/package/"];
/** Beside the source too, but each starts many processes: `npm test` runs them, `npm run check` has a minute. */
const PROCESSES = [
  "src/cli/main.test.ts",
  "src/functions/extensions.test.ts",
  "src/functions/host.test.ts",
  "src/functions/process.test.ts",
  "src/functions/runtimes/java.test.ts",
  "src/functions/runtimes/ruby.test.ts",
  "src/functions/streaming.test.ts",
  "src/functions/walls.test.ts",
];
const UNIT = ["src/**/*.test.ts", "console/**/*.test.ts", "tools/**/*.test.ts", "examples/**/*.test.{ts,mjs}"];
const LIGHT_TIMEOUT_MS = 180_000;
const HEAVY_TIMEOUT_MS = 420_000;
const CHECK_SEEDS = "50";

interface Tally {
  passed: number;
  failed: number;
  skipped: string[];
}

const root = new URL("../", import.meta.url).pathname;

function find(patterns: readonly string[], parts: readonly string[]): string[] {
  return globSync([...patterns], { cwd: root, exclude: (path) => /(^|\/)(node_modules|\.virga)(\/|$)/.test(path) })
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort();
}

/** Runs files and prints what fails; what passes is counted. */
async function execute(files: readonly string[], concurrency: number, timeoutMs: number, tally: Tally): Promise<void> {
  if (files.length === 0) return;
  const stream = run({ files: files.map((file) => root + file), concurrency, timeout: timeoutMs, cwd: root });
  /** What a file printed, shown only if something in it fails. */
  const printed = new Map<string, string>();
  const failedIn = new Set<string>();
  for await (const event of stream) {
    switch (event.type) {
      case "test:stdout":
      case "test:stderr": {
        const file = event.data.file;
        printed.set(file, ((printed.get(file) ?? "") + event.data.message).slice(-20_000));
        break;
      }
      case "test:pass":
        if (event.data.details.type === "suite") break;
        if (event.data.skip !== undefined || event.data.todo !== undefined)
          tally.skipped.push(`${place(event.data.file)}: ${event.data.name}`);
        else if (event.data.name === event.data.file) {
          tally.failed++;
          console.log(`\n✖ ${place(event.data.file)}: holds no test, or ended before it ran one`);
        } else tally.passed++;
        break;
      case "test:fail": {
        const error: any = event.data.details.error;
        // A parent fails because its children did; they are counted.
        if (error?.failureType === "subtestsFailed") break;
        tally.failed++;
        failedIn.add(event.data.file ?? event.data.name);
        console.log(`\n✖ ${place(event.data.file)}: ${event.data.name}`);
        console.log(indent(String(error?.cause?.stack ?? error?.cause ?? error?.message ?? error)));
        break;
      }
      case "test:summary":
        if (event.data.file)
          console.log(
            `${event.data.success ? "✔" : "✖"} ${place(event.data.file)}  ${event.data.counts.passed}/${event.data.counts.tests}  ${(event.data.duration_ms / 1000).toFixed(1)} s`,
          );
        break;
    }
  }
  for (const file of failedIn) {
    const text = printed.get(file);
    if (text) console.log(`\nPrinted by ${place(file)}:\n${indent(text)}`);
  }
}

const place = (file: string | undefined): string => (file ? relative(root, file) : "?");
const indent = (text: string): string => text.replace(/^/gm, "    ");

async function main(): Promise<number> {
  const [kind, ...parts] = process.argv.slice(2);
  if (kind !== "check" && kind !== "all") {
    console.error("Usage: node tools/test.ts check|all [FILE-PART…]");
    return 2;
  }
  setUp(kind === "check" ? ["bubblewrap"] : undefined);
  if (kind === "check") process.env["VIRGA_SIMULATION_SEEDS"] ??= CHECK_SEEDS;
  const patterns = kind === "check" ? ["test/simulation/**/*.test.ts"] : ["test/**/*.test.ts", "bench/**/*.test.ts"];
  const files = find([...UNIT, ...patterns], parts).filter((file) => kind === "all" || !PROCESSES.includes(file));
  const heavy = files.filter((file) => HEAVY.some((folder) => file.startsWith(folder)));
  const light = files.filter((file) => !heavy.includes(file));
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  await execute(light, availableParallelism(), LIGHT_TIMEOUT_MS, tally);
  await execute(heavy, 1, HEAVY_TIMEOUT_MS, tally);
  for (const name of tally.skipped) console.log(`skipped: ${name}`);
  console.log(`\n${tally.passed} passed, ${tally.failed} failed`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
