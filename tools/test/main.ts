/**
 * The test runner behind `npm test` and `npm run check`.
 *
 *     node tools/test/main.ts check [FILE-PART…]    the quick tests beside the source, and 50 simulated seeds
 *     node tools/test/main.ts all [FILE-PART…]      every test there is
 *
 * Pure tests run many files to a process, as many processes side by side as there are cores. Those that start processes themselves have one
 * of their own; those that start browsers, containers or crowds run in two lines, because more of them would disturb one another.
 * The last line is `N passed, N failed`.
 */
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setUp } from "../setup.ts";
import { runFiles, type Tally } from "./process.ts";

/**
 * Two lines of tests that start browsers, containers, crowds of workers: within each, one runs after the other. Of this and the lists below, the first
 * that names a file has it.
 */
const HEAVY = [
  ["test/containers/", "test/cli/", "test/kill/image-upload", "test/package/", "test/browser/contact-form"],
  ["test/browser/"],
];
/** Mostly wait, for messages to become visible again or for a client to look again: they may do so beside everything else. */
const WAITING = ["test/kill/contact-form", "test/clients/contact-form", "test/clients/web-service"];
/** Files, or folders of them, that each start many processes, the longest first: `npm test` runs them, `npm run check` has a minute. */
const PROCESSES = [
  "test/clients/",
  "test/kill/ledger",
  "src/cli/main.test.ts",
  "src/functions/crowd.test.ts",
  "src/functions/extensions.test.ts",
  "src/functions/host.test.ts",
  "src/functions/packages.test.ts",
  "src/functions/process.test.ts",
  "src/functions/provision.test.ts",
  "src/functions/runtimes/compiled.test.ts",
  "src/functions/runtimes/java.test.ts",
  "src/functions/runtimes/ruby.test.ts",
  "src/functions/runtimes/runtimes.test.ts",
  "src/functions/streaming.test.ts",
  "src/functions/walls.test.ts",
];
const UNIT = ["src/**/*.test.ts", "console/**/*.test.ts", "tools/**/*.test.ts", "examples/**/*.test.{ts,mjs}"];
/** Processes of pure tests for each core: what they import takes each of them seconds, and the last should not run alone for long. */
const GROUPS_PER_CORE = 3;
/** For all that runs in one process. */
const LIGHT_TIMEOUT_MS = 240_000;
const HEAVY_TIMEOUT_MS = 420_000;
const CHECK_SEEDS = "50";

const root = new URL("../../", import.meta.url).pathname;

function find(patterns: readonly string[], parts: readonly string[]): string[] {
  return globSync([...patterns], { cwd: root, exclude: (path) => /(^|\/)(node_modules|\.virga)(\/|$)/.test(path) })
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort();
}

/** Runs groups of files, each in a process of its own, so many side by side. */
async function execute(groups: string[][], concurrency: number, timeoutMs: number, tally: Tally): Promise<void> {
  const waiting = groups.values();
  const lane = async () => {
    for (const group of waiting) await runFiles(group, timeoutMs, tally);
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
}

/** Deals files out, so that each group has some of every folder. */
function deal(files: readonly string[]): string[][] {
  const count = Math.min(files.length, availableParallelism() * GROUPS_PER_CORE);
  const groups: string[][] = Array.from({ length: count }, () => []);
  for (const [index, file] of files.entries()) groups[index % groups.length]!.push(file);
  return groups;
}

async function main(): Promise<number> {
  const [kind, ...parts] = process.argv.slice(2);
  if (kind !== "check" && kind !== "all") {
    console.error("Usage: node tools/test/main.ts check|all [FILE-PART…]");
    return 2;
  }
  setUp(kind === "check" ? ["bubblewrap"] : undefined);
  if (kind === "check") process.env["VIRGA_SIMULATION_SEEDS"] ??= CHECK_SEEDS;
  const patterns = kind === "check" ? ["test/simulation/**/*.test.ts"] : ["test/**/*.test.ts", "bench/**/*.test.ts"];
  const files = find([...UNIT, ...patterns], parts);
  const left = new Set(files);
  const take = (places: readonly string[]) =>
    places.flatMap((place) => [...left].filter((file) => file.startsWith(place) && left.delete(file)));
  const heavy = HEAVY.map(take);
  const waiting = take(WAITING);
  const processes = take(PROCESSES);
  const pure = [...left];
  const alone = (file: string) => [file];
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  const beside = execute(waiting.map(alone), 1, HEAVY_TIMEOUT_MS, tally);
  const light = [...(kind === "all" ? processes.map(alone) : []), ...deal(pure)];
  await execute(light, availableParallelism(), LIGHT_TIMEOUT_MS, tally);
  await beside;
  await Promise.all(heavy.map((line) => execute(line.map(alone), 1, HEAVY_TIMEOUT_MS, tally)));
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
