/** A thousand functions that nobody calls: what deploying them takes, and what they cost afterwards. */
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import yazl from "yazl";
import { cpuMs, memoryMb, report, startVirga, stop, type Virga } from "./measure.ts";
import { rest } from "./requests.ts";

const FUNCTIONS = 1000;
const WARM_UP = 100;
const SETTLE_MS = 3000;
/** How many are compared, after the first ones. */
const COMPARED = 200;

const settled = () => new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

export async function deployed(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "virga-bench-"));
  const flags = ["--data", join(folder, "data")];
  let virga = await startVirga(flags);
  try {
    await settled();
    const empty = memoryMb(virga.child.pid!);
    const pid = virga.child.pid!;
    /** Processor time of the platform for each of the next ones: others on the machine do not count. */
    let number = 0;
    const deployMany = async (count: number) => {
      const before = cpuMs(pid);
      for (const end = number + count; number < end; number++) await deploy(virga, `f-${number}`);
      return (cpuMs(pid) - before) / count;
    };
    await deployMany(WARM_UP);
    const first = await deployMany(COMPARED);
    await deployMany(FUNCTIONS - WARM_UP - 2 * COMPARED);
    const last = await deployMany(COMPARED);
    report({
      what: "deploying one of 1,000, the last 200 against earlier ones",
      measured: `${last.toFixed(2)} ms of CPU`,
      against: `${first.toFixed(2)} ms of CPU`,
      ratio: last / first,
      budget: "≤ 1.5",
      met: last / first <= 1.5,
    });
    await settled();
    const after = memoryMb(virga.child.pid!);
    report({
      what: "memory right after deploying 1,000, with what that left to collect",
      measured: `${(after - empty).toFixed(1)} MB`,
      against: `${empty.toFixed(1)} MB before`,
      ratio: undefined,
      budget: "-",
      met: undefined,
    });
    await stop(virga.child);
    virga = await startVirga(flags);
    await settled();
    const growth = memoryMb(virga.child.pid!) - empty;
    report({
      what: "1,000 deployed functions: more memory",
      measured: `${growth.toFixed(1)} MB`,
      against: `${empty.toFixed(1)} MB without`,
      ratio: undefined,
      budget: "≤ 20 MB",
      met: growth <= 20,
    });
    const processes = childrenOf(virga.child.pid!);
    report({
      what: "1,000 deployed functions: processes of their own",
      measured: String(processes),
      against: "-",
      ratio: undefined,
      budget: "0",
      met: processes === 0,
    });
  } finally {
    await stop(virga.child);
    await rm(folder, { recursive: true, force: true });
  }
}

/** Each with a package of its own: the name is in it. */
async function deploy(virga: Virga, name: string): Promise<void> {
  const zip = new yazl.ZipFile();
  zip.addBuffer(Buffer.from(`exports.handler = async () => "${name}";`), "index.js");
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  await rest(virga.port, "lambda", "POST", "/2015-03-31/functions", {
    FunctionName: name,
    Runtime: "nodejs24.x",
    Handler: "index.handler",
    Role: "arn:aws:iam::000000000000:role/bench",
    Code: { ZipFile: Buffer.concat(chunks).toString("base64") },
  });
}

/** Linux only. */
const childrenOf = (pid: number): number =>
  readdirSync("/proc").filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid).length;

function parentOf(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ")[1]);
  } catch {
    return 0;
  }
}
