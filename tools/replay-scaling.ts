/**
 * Replays traffic against target tracking and prints what it would have cost: task-minutes, and minutes over the target.
 *
 *     node tools/replay-scaling.ts [--seed 1] [FILE …]
 *
 * A file has a heading and one number a line: requests in each minute, or in each of `--every MINUTES`. Further columns before it, as in
 * `minute,requests`, are passed over. Without files the samples of `test/data/traffic` are replayed.
 */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { SeededRandom } from "../src/kernel/random.ts";
import { type ReplaySettings, replay, replayFixed } from "../src/services/applicationautoscaling/replay.ts";

const SAMPLES = join(import.meta.dirname, "../test/data/traffic");
/** Tasks that the busiest minute needs at the target. */
const PEAK_TASKS = 20;
const TARGET = 50;

/** Requests in each minute. */
export function readTraffic(path: string, everyMinutes = 1): number[] {
  const [, ...lines] = readFileSync(path, "utf8").trim().split("\n");
  const values = lines.map((line) => Number(line.split(",").at(-1)));
  return values.flatMap((value) => Array<number>(everyMinutes).fill(value / everyMinutes));
}

export function settingsFor(traffic: readonly number[]): ReplaySettings {
  const peak = traffic.reduce((most, requests) => Math.max(most, requests), 1);
  return {
    limits: { min: 1, max: 2 * PEAK_TASKS },
    target: TARGET,
    requestsPerTask: (peak * 100) / (PEAK_TASKS * TARGET),
    scaleOutCooldownSeconds: 300,
    scaleInCooldownSeconds: 300,
    startMinutes: [0, 2],
    isCapped: false,
  };
}

const VARIANTS: readonly (readonly [string, Partial<ReplaySettings>])[] = [
  ["target 50 %, cooldowns 300 s", {}],
  ["target 50 %, scale-out cooldown 60 s", { scaleOutCooldownSeconds: 60 }],
  ["target 50 %, both cooldowns 60 s", { scaleOutCooldownSeconds: 60, scaleInCooldownSeconds: 60 }],
  ["target 70 %, cooldowns 300 s", { target: 70 }],
  ["target 50 %, a processor's metric", { isCapped: true }],
];

export function table(name: string, traffic: readonly number[], seed: number): string {
  const settings = settingsFor(traffic);
  const whole = PEAK_TASKS * traffic.length;
  const row = (
    label: string,
    result: Record<"taskMinutes" | "minutesOverTarget" | "minutesOverloaded", number>,
    rest: string,
  ) =>
    `| ${label} | ${result.taskMinutes} | ${((100 * result.taskMinutes) / whole).toFixed(1)} % | ${result.minutesOverTarget} | ${result.minutesOverloaded} | ${rest} |`;
  const lines = [
    `## ${name}: ${traffic.length} minutes`,
    "",
    "| policy | task-minutes | of a fixed peak | minutes over target | minutes overloaded | peak, out, in |",
    "|---|---:|---:|---:|---:|---|",
    row(`fixed, ${PEAK_TASKS} tasks`, replayFixed(traffic, PEAK_TASKS, settings), `${PEAK_TASKS}, 0, 0`),
  ];
  for (const [label, more] of VARIANTS) {
    const result = replay(traffic, { ...settings, ...more }, new SeededRandom(seed));
    lines.push(row(label, result, `${result.peakTasks}, ${result.scaleOuts}, ${result.scaleIns}`));
  }
  return `${lines.join("\n")}\n`;
}

function main(): void {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: "string", default: "1" }, every: { type: "string", default: "1" } },
  });
  const files: (readonly [string, number])[] =
    positionals.length > 0
      ? positionals.map((path) => [path, Number(values.every)])
      : [
          [join(SAMPLES, "nasa-july-1995-week.csv"), 1],
          [join(SAMPLES, "nab-elb-request-count.csv"), 5],
        ];
  for (const [path, every] of files) {
    process.stdout.write(`${table(basename(path), readTraffic(path, every), Number(values.seed))}\n`);
  }
}

if (import.meta.main) main();
