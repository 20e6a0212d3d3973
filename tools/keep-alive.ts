/**
 * Writes docs/keep-alive.md and its pictures: what each keep-alive policy costs on two workloads.
 *
 *     node tools/keep-alive.ts FOLDER      with azure2019/d01_100apps_concurrency_per_minute.csv and synthetic14d/ in it
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { COLUMNS, compare, rowOf, type Setting } from "../src/functions/simulation/compare.ts";
import { openTrace } from "../src/functions/simulation/open.ts";
import { drawComparison } from "../src/functions/simulation/picture.ts";

const SEED = 1;
const SETTINGS: readonly Setting[] = [
  ...[5, 10, 20, 60].map((minutes) => ({ keepAlive: "fixed", minutes }) as const),
  { keepAlive: "histogram" },
  { keepAlive: "histogram", idleMemoryMb: 4096 },
  // A day is as good as for ever: with a bound on memory this is "least recently used goes first".
  ...[4096, 8192].map((idleMemoryMb) => ({ keepAlive: "fixed", minutes: 1440, idleMemoryMb }) as const),
  ...[2048, 4096, 8192].map((idleMemoryMb) => ({ keepAlive: "greedy-dual", idleMemoryMb }) as const),
];

const WORKLOADS = [
  {
    path: "azure2019/d01_100apps_concurrency_per_minute.csv",
    picture: "keep-alive-azure2019.svg",
    title: "100 applications of Azure Functions, one day",
    origin:
      "Azure Functions Trace 2019, CC-BY 4.0 (Shahrad et al., *Serverless in the Wild*, USENIX ATC 2020), day 1, 100 applications, as containers a minute in ubc-cirrus-lab/femux (MIT; Nasiri et al., EuroSys 2026).",
  },
  {
    path: "synthetic14d",
    picture: "keep-alive-synthetic14d.svg",
    title: "300 invented functions, fourteen days",
    origin:
      "Generated for this project with a fixed seed: timers, diurnal, bursty and Poisson arrivals, with durations, memory and cold-start times.",
  },
];

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Name the folder with the traces: node tools/keep-alive.ts FOLDER");
  process.exit(2);
}

const docs = join(import.meta.dirname, "../docs");
const lines = [
  "# Keep-alive policies compared",
  "",
  "What `virga simulate` says of two workloads. The scheduler is the one that runs real workers (`src/functions/scheduler/`); time and workers are",
  "played. Cold starts are calls that waited for a worker to start; a worker that is made ready before its call is counted under *made ready*, and",
  "under *in vain* if no call came. Idle memory is that of workers between calls, frozen. Lower is better everywhere, and no policy is best in",
  "everything: that is why there is a choice (`virga start --keep-alive`). `fixed 1440 min` under a memory bound ends whoever was used longest ago.",
  "",
  "Written by `node tools/keep-alive.ts FOLDER`; the same traces give the same bytes.",
];
for (const { path, picture, title, origin } of WORKLOADS) {
  const trace = openTrace(join(folder, path));
  const compared = compare(trace, SETTINGS, SEED, (setting, calls) =>
    process.stderr.write(`\r${path} ${JSON.stringify(setting)} ${Math.floor((100 * calls) / trace.callCount)} %   `),
  );
  process.stderr.write("\n");
  writeFileSync(join(docs, picture), drawComparison(title, compared));
  lines.push(
    "",
    `## ${title}`,
    "",
    `![Cold starts against idle memory](${picture})`,
    "",
    `| ${COLUMNS.join(" | ")} |`,
    `|${COLUMNS.map((_, column) => (column === 0 ? "---" : "---:")).join("|")}|`,
    ...compared.map((one) => `| ${rowOf(one).join(" | ")} |`),
    "",
    `${trace.functions.length} functions, ${trace.callCount} calls. ${trace.assumed.map((what) => `Taken as given: ${what}.`).join(" ")}`.trim(),
    "",
    origin,
  );
}
writeFileSync(join(docs, "keep-alive.md"), `${lines.join("\n")}\n`);
