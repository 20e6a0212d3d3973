/** From nothing to the first answer, and what an idle platform costs. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpuMs, median, memoryMb, report, startVirga, stop } from "./measure.ts";

const ROUNDS = 5;
const IDLE_SECONDS = 10;

export async function startup(): Promise<void> {
  const ratios: number[] = [];
  const starts: number[] = [];
  const bare: number[] = [];
  const folder = mkdtempSync(join(tmpdir(), "virga-bench-"));
  try {
    for (let round = 0; round < ROUNDS; round++) {
      let began = performance.now();
      execFileSync(process.execPath, ["-e", "0"]);
      bare.push(performance.now() - began);
      began = performance.now();
      const virga = await startVirga(["--data", folder]);
      await (await fetch(`${virga.endpoint}/_virga/health`)).text();
      starts.push(performance.now() - began);
      ratios.push(starts.at(-1)! / bare.at(-1)!);
      await stop(virga.child);
    }
    report({
      what: "start to first answer, all services listed",
      measured: `${median(starts).toFixed(0)} ms`,
      against: `node -e 0: ${median(bare).toFixed(0)} ms`,
      ratio: median(ratios),
      budget: "≤ 10",
      met: median(ratios) <= 10,
    });
    const virga = await startVirga(["--data", folder]);
    // Every service has been spoken to once: its shapes are loaded.
    await virga.call("AmazonSQS.ListQueues", {});
    await virga.call("DynamoDB_20120810.ListTables", {});
    await new Promise((resolve) => setTimeout(resolve, 3000));
    const before = cpuMs(virga.child.pid!);
    await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
    const share = (cpuMs(virga.child.pid!) - before) / (IDLE_SECONDS * 10);
    const memory = memoryMb(virga.child.pid!);
    report({
      what: "idle memory",
      measured: `${memory.toFixed(0)} MB`,
      against: "-",
      ratio: undefined,
      budget: "≤ 100 MB",
      met: memory <= 100,
    });
    report({
      what: "idle CPU",
      measured: `${share.toFixed(2)} %`,
      against: "one core",
      ratio: undefined,
      budget: "≤ 0.5 %",
      met: share <= 0.5,
    });
    await stop(virga.child);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
