/** Finds out what the machine offers, once, when the first function runs; and removes what an earlier platform left behind. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import type { Random } from "../kernel/random.ts";
import { openCgroups } from "./isolation/cgroups.ts";
import { openIsolation } from "./isolation/sandbox.ts";
import type { WorkerGround } from "./launch.ts";
import { createViews } from "./views.ts";

export interface MachineSettings {
  /** Programs by runtime: `{ "python3.12": "/opt/python312/bin/python3" }`. They go before what is found on the machine. */
  readonly runtimes?: Readonly<Record<string, string>>;
  /** Where interpreters are looked for first, as PATH has it. */
  readonly searchPath?: string;
  /** Folder with `nodejs/bootstrap.cjs`, `python/bootstrap.py` and so on; default: beside this file. */
  readonly bootstraps?: string;
  /** `node_modules` with the AWS SDK for Node functions; default: as `tools/runtime-sdk.ts` makes it. */
  readonly sdk?: string;
  /**
   * No better than this, for machines on which what is better misbehaves. `namespaces`: sandboxes with the platform's own user; `process`: ordinary
   * processes with resource limits, neither sandboxes nor control groups.
   */
  readonly isolation?: "namespaces" | "process";
}

export interface Machine extends WorkerGround {
  /** Why there are no control groups; undefined when there are. */
  readonly cgroupsMissing?: string;
  /** Once every worker is gone. */
  close(): void;
}

/** In the repository; in the package, as a chunk or whole. */
const BOOTSTRAPS = ["./runtimes", "../bootstraps", "./bootstraps"].map((folder) => `${folder}/nodejs/bootstrap.cjs`);
const SDKS = ["../../generated/runtimes", "../runtimes", "./runtimes"].map((folder) => `${folder}/nodejs/node_modules`);

const BOOTSTRAP_FILES = [
  "nodejs/bootstrap.cjs",
  "python/bootstrap.py",
  "ruby/bootstrap.rb",
  ...["Binding", "Bootstrap", "Handler", "Json"].map((name) => `java/${name}.java`),
];

const firstOf = (places: readonly string[]): string | undefined =>
  places.map((place) => fileURLToPath(new URL(place, import.meta.url))).find(existsSync);

/** Workers run as other users, who may not be able to read where Virga is installed. */
function copyReadable(from: string, to: string): void {
  for (const file of BOOTSTRAP_FILES) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    copyFileSync(join(from, file), join(to, file));
    chmodSync(join(to, file), 0o644);
  }
}

function missingFiles(): never {
  throw new Error("The runtime bootstraps are missing: this installation of Virga is incomplete.");
}

/** @param directory a folder of the host's own; workers, merged layers and the bootstraps are kept in it */
export function openMachine(
  clock: Clock,
  random: Random,
  log: Log,
  directory: string,
  settings: MachineSettings,
): Machine {
  const workers = join(directory, "workers");
  rmSync(workers, { recursive: true, force: true });
  mkdirSync(workers, { recursive: true });
  const cgroups = settings.isolation === "process" ? { missing: "by the settings" } : openCgroups(process.pid);
  const isolation = openIsolation(directory);
  const bootstraps = join(directory, "bootstraps");
  copyReadable(settings.bootstraps ?? dirname(dirname(firstOf(BOOTSTRAPS) ?? missingFiles())), bootstraps);
  const sdk = settings.sdk ?? firstOf(SDKS);
  const machine: Machine = {
    clock,
    newId: () => random.uuid(),
    isolation: settings.isolation === undefined ? isolation : isolation.restrictedTo(settings.isolation),
    ...("missing" in cgroups ? { cgroupsMissing: cgroups.missing } : { cgroups }),
    views: createViews(join(directory, "layers")),
    directory: workers,
    bootstraps,
    ...(sdk !== undefined && { sdk }),
    close: () => {
      if (!("missing" in cgroups)) cgroups.close();
    },
  };
  log.info("functions run isolated", { level: machine.isolation.level, cgroups: machine.cgroups?.kind ?? "none" });
  return machine;
}
