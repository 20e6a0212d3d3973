/**
 * Side-by-side measurements against the budgets of the design, each as a ratio taken in one run.
 *
 *     npm run bench                 everything
 *     npm run bench -- rates bodies   some of: startup rates rivals metering bodies functions deployed growth balancer containers console
 *
 * Prints a table at the end; `--json FILE` keeps it. Nothing here fails a build: a busy machine is no bug.
 */
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { balancer } from "./balancer.ts";
import { bodies } from "./bodies.ts";
import { console as consolePages } from "./console.ts";
import { containers } from "./containers.ts";
import { deployed } from "./deployed.ts";
import { functions } from "./functions.ts";
import { growth } from "./growth.ts";
import { rows } from "./measure.ts";
import { metering } from "./metering.ts";
import { rates } from "./rates.ts";
import { rivals } from "./rivals.ts";
import { startup } from "./startup.ts";

const parts: Readonly<Record<string, () => Promise<void>>> = {
  startup,
  rates,
  rivals,
  metering,
  bodies,
  functions,
  deployed,
  growth,
  balancer,
  containers,
  console: consolePages,
};

const words = process.argv.slice(2);
const json = words.includes("--json") ? words[words.indexOf("--json") + 1] : undefined;
const chosen = words.filter((word) => word in parts);
const unknown = words.filter((word) => !(word in parts) && word !== "--json" && word !== json);
if (unknown.length > 0) {
  console.error(`Unknown: ${unknown.join(" ")}. Choose from: ${Object.keys(parts).join(" ")}.`);
  process.exit(2);
}

console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} cores, Node ${process.version}\n`);
for (const name of chosen.length > 0 ? chosen : Object.keys(parts)) {
  console.log(`${name}`);
  await parts[name]!();
}

console.log("\n| what | measured | against | ratio | budget | |\n|---|---|---|---|---|---|");
for (const row of rows) {
  console.log(
    `| ${row.what} | ${row.measured} | ${row.against} | ${row.ratio?.toFixed(2) ?? ""} | ${row.budget} | ${row.met === undefined ? "" : row.met ? "met" : "missed"} |`,
  );
}
if (json) writeFileSync(json, `${JSON.stringify(rows, null, 2)}\n`);
process.exit(0);
