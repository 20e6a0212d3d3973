/**
 * The whole platform in a test: memory engine, virtual clock, seeded chance, no network.
 *
 *     const platform = await openTestPlatform({ seed: 1, nowMs: 0 });
 *     const { QueueUrl } = await platform.call("sqs", "CreateQueue", { QueueName: "orders" });
 *     await platform.advance(30_000); // everything that falls due in the next 30 s happens
 *     await platform.close();
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AccountId, Region } from "../kernel/arn.ts";
import { VirtualClock } from "../kernel/clock.ts";
import { type Log, silentLog } from "../kernel/log.ts";
import { Measurements } from "../kernel/measurements.ts";
import { SeededRandom } from "../kernel/random.ts";
import type { InputOf, OperationName, OutputOf, ServiceName } from "../services/clients.ts";
import { fakePorts as fakeEcsPorts } from "../services/ecs/testing.ts";
import { fakePorts } from "../services/lambda/testing.ts";
import type { CallAs, FlowContext, Principal, Service } from "../services/service.ts";
import { FileBlobs } from "../storage/blobs.ts";
import type { Engine } from "../storage/engine.ts";
import { MemoryEngine } from "../storage/engines/memory.ts";
import { openShapes } from "../wire/shapes.ts";
import { apigatewayPorts } from "./apigateway-ports.ts";
import { createAuthorize } from "./authorization.ts";
import type { Authorize, Caller, Core } from "./core.ts";
import { buildHouse, type House } from "./house.ts";
import { createServices, type ServicePorts } from "./services.ts";
import { snsPorts } from "./sns-ports.ts";
import { Spans } from "./spans.ts";

/** Making a key takes long; tests share one. */
export const testKeyPair: ServicePorts["sns"]["makeKeyPair"] = () => {
  keyPair ??= snsPorts.makeKeyPair();
  return keyPair;
};
let keyPair: ReturnType<ServicePorts["sns"]["makeKeyPair"]> | undefined;

export interface TestPlatformOptions {
  readonly seed?: number;
  readonly nowMs?: number;
  /** All of Virga's unless a test brings its own. */
  readonly services?: readonly Service[];
  /** What those services need of the outside world; stand-ins unless a test brings its own. */
  readonly ports?: Partial<ServicePorts>;
  readonly engine?: Engine;
  readonly log?: Log;
  readonly authorize?: Authorize;
}

export interface TestPlatform {
  readonly clock: VirtualClock;
  readonly core: Core;
  /** What was measured and not taken yet. */
  readonly measurements: Measurements;
  /** A public operation as the root of account 000000000000 in us-east-1, unless told otherwise. */
  call<S extends ServiceName, O extends OperationName<S>>(
    service: S,
    operation: O,
    input: InputOf<S, O>,
    as?: CallAs & { readonly signal?: AbortSignal },
  ): Promise<OutputOf<S, O>>;
  /** A flow context of the same caller, for testing flows and fronts. */
  flow(as?: CallAs): FlowContext;
  /** Waits until nothing moves any more: all due deliveries made, all wake-ups followed. Time stands still. */
  settle(): Promise<void>;
  /** Lets time pass, step by step: everything that falls due happens at its own time. */
  advance(byMs: number): Promise<void>;
  close(): Promise<void>;
}

const ACCOUNT = "000000000000" as AccountId;
const REGION = "us-east-1" as Region;
const ROOT: Principal = { type: "root", accountId: ACCOUNT, arn: `arn:aws:iam::${ACCOUNT}:root` };
/** Event-loop turns without a delivery under way after which the platform counts as quiet. */
const QUIET_TURNS = 12;
/** Event-loop turns after which a delivery that is still under way counts as one that waits for a time to come. */
const WAITING_TURNS = 1500;

/** Read when something first speaks AWS's protocols in process. */
const generatedShapes = () => {
  shapes ??= openShapes(join(import.meta.dirname, "../../generated/shapes"));
  return shapes;
};
let shapes: ReturnType<typeof openShapes> | undefined;

export async function openTestPlatform(options: TestPlatformOptions = {}): Promise<TestPlatform> {
  const clock = new VirtualClock(options.nowMs ?? Date.UTC(2026, 0, 1));
  const random = new SeededRandom(options.seed ?? 1);
  const directory = await mkdtemp(join(tmpdir(), "virga-test-"));
  const blobs = await FileBlobs.open(directory, random, { durable: false });
  const measurements = new Measurements();
  const spans = new Spans(clock);
  const house: House = buildHouse({
    clock,
    random,
    log: options.log ?? silentLog,
    engine: options.engine ?? new MemoryEngine(),
    blobs,
    services:
      options.services ??
      createServices({
        apigateway: apigatewayPorts({ shapes: generatedShapes, core: () => house.core, allows: () => true }),
        ecs: fakeEcsPorts(),
        lambda: fakePorts(),
        shapes: generatedShapes,
        // No port of this machine is opened.
        elbv2: { listen: async () => ({ close: async () => {} }) },
        sns: { ...snsPorts, makeKeyPair: testKeyPair },
        authRequired: false,
        measurements,
        spans,
        ...options.ports,
      }),
    authorize: options.authorize ?? createAuthorize(false),
    measurements,
    spans,
    accountId: ACCOUNT,
    region: REGION,
    endpoint: () => "http://localhost:4566",
  });
  await house.start();
  const never = new AbortController().signal;
  const caller = (as: CallAs & { readonly signal?: AbortSignal } = {}): Caller => ({
    principal:
      as.principal ??
      (as.accountId ? { type: "root", accountId: as.accountId, arn: `arn:aws:iam::${as.accountId}:root` } : ROOT),
    accountId: as.accountId ?? ACCOUNT,
    region: as.region ?? REGION,
    requestId: random.uuid(),
    endpoint: "http://localhost:4566",
    signal: as.signal ?? never,
  });
  const settle = async () => {
    for (let quiet = 0, turns = 0; quiet < QUIET_TURNS; quiet++, turns++) {
      await new Promise(setImmediate);
      // A delivery that has done nothing for so long waits for the clock: it goes on when time does.
      if (house.outbox.busy && (turns < WAITING_TURNS || clock.nextDueMs() === undefined)) quiet = 0;
    }
  };
  return {
    clock,
    core: house.core,
    measurements,
    call: (service, operation, input, as) => house.core.dispatch(service, operation, input, caller(as)),
    flow: (as) => house.core.flow(caller(as)),
    settle,
    async advance(byMs) {
      const targetMs = clock.nowMs() + byMs;
      await settle();
      for (let dueMs = clock.nextDueMs(); dueMs !== undefined && dueMs <= targetMs; dueMs = clock.nextDueMs()) {
        clock.advanceTo(dueMs);
        await settle();
      }
      clock.advanceTo(targetMs);
    },
    async close() {
      await house.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
