/** Puts the rooms together over an engine and a clock, without any network: what both the real platform and the test platform are. */
import type { AccountId, Region } from "../kernel/arn.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { Measurements } from "../kernel/measurements.ts";
import type { Random } from "../kernel/random.ts";
import type { Service } from "../services/service.ts";
import type { FileBlobs } from "../storage/blobs.ts";
import type { Engine } from "../storage/engine.ts";
import { Outbox } from "../storage/outbox.ts";
import { Store } from "../storage/store.ts";
import { type Authorize, Core } from "./core.ts";
import { Spans } from "./spans.ts";
import { type Home, serviceCaller, subscribersOf } from "./subscriptions.ts";

export interface HouseOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly engine: Engine;
  readonly blobs: FileBlobs;
  readonly services: readonly Service[];
  readonly authorize: Authorize;
  /** Given where a service answers from them. */
  readonly measurements?: Measurements;
  readonly spans?: Spans;
  /** See the core. */
  readonly metered?: boolean;
  readonly accountId: AccountId;
  readonly region: Region;
  /** Asked when it is needed: the port may not be known before the server listens. */
  readonly endpoint: () => string;
  /** Runs a batch of operations soon; `setImmediate` unless told otherwise. */
  readonly soon?: (run: () => void) => void;
  /** See the store; absent: every count is committed with its batch. */
  readonly later?: (run: () => void) => void;
}

export interface House {
  readonly core: Core;
  readonly outbox: Outbox;
  readonly home: Home;
  /** Begins deliveries and the services' background work. */
  start(): Promise<void>;
  /** Ends background work, lets accepted operations finish, closes the engine. */
  close(): Promise<void>;
}

export function buildHouse(options: HouseOptions): House {
  const { clock, random, log, blobs, services } = options;
  const closing = new AbortController();
  const home: Home = {
    accountId: options.accountId,
    region: options.region,
    endpoint: options.endpoint,
    signal: closing.signal,
  };
  const store = new Store({
    engine: options.engine,
    soon: options.soon ?? setImmediate,
    ...(options.later ? { later: options.later } : {}),
  });
  const { authorize, metered = true, measurements = new Measurements(), spans = new Spans(clock) } = options;
  const core = new Core({ clock, random, log, store, blobs, services, authorize, measurements, spans, metered });
  const outbox = new Outbox(
    store,
    clock,
    log,
    subscribersOf(services, () => core, home, random, blobs),
  );
  const stops: Array<() => Promise<void>> = [];
  return {
    core,
    outbox,
    home,
    async start() {
      await outbox.start();
      for (const service of services) {
        if (service.start) stops.push(await service.start(core.flow(serviceCaller(service.name, home, random))));
      }
    },
    async close() {
      closing.abort();
      await outbox.stop();
      for (const stop of stops.reverse()) await stop();
      await store.close();
    },
  };
}
