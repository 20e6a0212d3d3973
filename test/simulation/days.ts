/**
 * Many simulated days, on threads: one for each core, and outside of the test runner, which watches every promise of its own thread and makes
 * a day take three times as long.
 */
import { availableParallelism } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { mutants } from "./mutants.ts";
import { liveThrough } from "./world.ts";

/** What happened in some days. */
export interface Days {
  /** What the auditors noticed first, with its seed; then the days after it were not lived. */
  readonly noticed: string | undefined;
  /** Digests of the days' histories, by seed. */
  readonly digests: ReadonlyMap<number, string>;
  readonly crashes: number;
  readonly deliveries: number;
  readonly acknowledged: number;
}

interface Job {
  /** In this order. */
  readonly seeds: readonly number[];
  /** The name of a planted bug. */
  readonly mutant: string | undefined;
}

/** Lives through `count` days from seed `first` on. @param mutant the name of a planted bug */
export async function liveThroughDays(first: number, count: number, mutant?: string): Promise<Days> {
  // A planted bug is mostly found within the first days: looking for it on several threads would only live through more of them.
  const threads = mutant === undefined ? Math.min(availableParallelism(), count) : 1;
  const seeds = Array.from({ length: count }, (_, index) => first + index);
  const jobs = Array.from({ length: threads }, (_, thread) => ({
    seeds: seeds.filter((_, index) => index % threads === thread),
    mutant,
  }));
  const parts = await Promise.all(jobs.map(onThread));
  const sum = (key: "crashes" | "deliveries" | "acknowledged") => parts.reduce((total, part) => total + part[key], 0);
  return {
    noticed: parts.find((part) => part.noticed !== undefined)?.noticed,
    digests: new Map(parts.flatMap((part) => [...part.digests]).sort(([one], [other]) => one - other)),
    crashes: sum("crashes"),
    deliveries: sum("deliveries"),
    acknowledged: sum("acknowledged"),
  };
}

function onThread(job: Job): Promise<Days> {
  const worker = new Worker(new URL(import.meta.url), { workerData: job });
  return new Promise<Days>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the thread ended with code ${code} before its days were over`)));
    // A day that somebody objected to is left in the middle, and would go on.
  }).finally(() => worker.terminate());
}

async function live({ seeds, mutant }: Job): Promise<Days> {
  const days = {
    noticed: undefined as string | undefined,
    digests: new Map(),
    crashes: 0,
    deliveries: 0,
    acknowledged: 0,
  };
  for (const seed of seeds) {
    try {
      const day = await liveThrough(seed, mutant === undefined ? {} : mutants[mutant]!());
      days.digests.set(seed, day.digest);
      days.crashes += day.crashes;
      days.deliveries += day.deliveries;
      days.acknowledged += day.acknowledged;
    } catch (error) {
      days.noticed = `seed ${seed}: ${(error as Error).stack}`;
      break;
    }
  }
  return days;
}

if (!isMainThread) parentPort!.postMessage(await live(workerData as Job));
