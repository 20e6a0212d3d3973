/** Who hears what: one outbox line for every subscriber of every service, and the platform's own. */
import type { AccountId, Region } from "../kernel/arn.ts";
import type { Random } from "../kernel/random.ts";
import { parseTraceHeader, type Trace, UNTRACED } from "../kernel/trace.ts";
import type { Principal, Service, Subscriber } from "../services/service.ts";
import { BLOB_DROPPED, type FileBlobs } from "../storage/blobs.ts";
import type { Delivery, OutboxSubscriber } from "../storage/outbox.ts";
import type { Transaction } from "../storage/transaction.ts";
import type { Caller, Core } from "./core.ts";

const CONCURRENCY_DEFAULT = 16;
/** Operations of one line that share a commit. */
const OPERATION_CONCURRENCY = 64;

/** What a service sees to again and again for as long as a resource is there: nothing that the request which first made it necessary still causes. */
const UPKEEP = /\.(?:Sample|Retention)Due$/;

/** What the platform's own work runs as. */
export interface Home {
  readonly accountId: AccountId;
  readonly region: Region;
  readonly endpoint: () => string;
  readonly signal: AbortSignal;
}

/** The caller that a service's own background work runs as: the service itself, in the home account unless the event names another. */
export function serviceCaller(
  service: string,
  home: Home,
  random: Random,
  detail?: unknown,
  trace: Trace = UNTRACED,
): Caller {
  const named = (detail ?? {}) as { accountId?: AccountId; region?: Region };
  const principal: Principal = { type: "service", service: `${service}.amazonaws.com` };
  return {
    principal,
    accountId: typeof named.accountId === "string" ? named.accountId : home.accountId,
    region: typeof named.region === "string" ? named.region : home.region,
    requestId: random.uuid(),
    endpoint: home.endpoint(),
    signal: home.signal,
    trace,
  };
}

export function subscribersOf(
  services: readonly Service[],
  core: () => Core,
  home: Home,
  random: Random,
  blobs: FileBlobs,
): OutboxSubscriber[] {
  const lines: OutboxSubscriber[] = [
    {
      name: `storage:${BLOB_DROPPED}`,
      type: BLOB_DROPPED,
      concurrency: CONCURRENCY_DEFAULT,
      async deliver(delivery, done) {
        await blobs.remove((delivery.detail as { id: string }).id);
        await core().store.write(done);
      },
    },
  ];
  for (const service of services) {
    for (const [type, subscriber] of Object.entries(service.hears ?? {})) {
      lines.push({
        name: `${service.name}:${type}`,
        type,
        concurrency:
          "operation" in subscriber ? OPERATION_CONCURRENCY : (subscriber.concurrency ?? CONCURRENCY_DEFAULT),
        ...("flow" in subscriber && subscriber.laneOf !== undefined && { laneOf: subscriber.laneOf }),
        deliver: (delivery, done) => deliver(core(), service, subscriber, delivery, done, home, random),
      });
    }
  }
  return lines;
}

async function deliver(
  core: Core,
  service: Service,
  subscriber: Subscriber,
  delivery: Delivery,
  done: (tx: Transaction) => void,
  home: Home,
  random: Random,
): Promise<void> {
  const cause = subscriber.untraced ? UNTRACED : parseTraceHeader(delivery.trace);
  const caller = serviceCaller(service.name, home, random, delivery.detail, cause);
  const trace = core.traceUnder(caller);
  const startMs = core.clock.nowMs();
  const from = core.clock.monotonicMs();
  const written = (error?: unknown) => {
    if (!trace.sampled || (UPKEEP.test(delivery.type) && error === undefined)) return;
    core.spans.work({
      caller,
      trace,
      startMs,
      durationMs: core.clock.monotonicMs() - from,
      service: service.name,
      name: delivery.type,
      error,
      attributes: { waitMs: startMs - delivery.emittedMs, attempts: delivery.attempts + 1 },
    });
  };
  try {
    if ("operation" in subscriber) {
      await core.store.write((tx) => {
        subscriber.operation(tx, delivery.detail, core.context(tx, caller, trace));
        done(tx);
      });
    } else {
      await subscriber.flow(core.flow(caller, trace), delivery.detail);
      await core.store.write(done);
    }
    written();
  } catch (error) {
    written(error);
    throw error;
  }
}
