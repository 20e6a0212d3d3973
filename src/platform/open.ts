/** Opens the real platform: data directory, engine, services, HTTP server. */
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FunctionHost } from "../functions/host.ts";
import type { FunctionHostSettings } from "../functions/settings.ts";
import type { AccountId, Region } from "../kernel/arn.ts";
import { type Clock, SystemClock } from "../kernel/clock.ts";
import type { Log } from "../kernel/log.ts";
import { Measurements } from "../kernel/measurements.ts";
import { SystemRandom } from "../kernel/random.ts";
import { authorize } from "../services/iam/authorization.ts";
import { findAccessKey } from "../services/iam/credentials.ts";
import { checkDocument, replyHeaders } from "../services/s3/web.ts";
import type { HttpFront } from "../services/service.ts";
import { findSession } from "../services/sts/credentials.ts";
import { FileBlobs } from "../storage/blobs.ts";
import type { Engine } from "../storage/engine.ts";
import { LmdbEngine } from "../storage/engines/lmdb.ts";
import { MemoryEngine } from "../storage/engines/memory.ts";
import { RelaxedEngine } from "../storage/engines/relaxed.ts";
import { createWireServer } from "../wire/server.ts";
import { openShapes } from "../wire/shapes.ts";
import { alwaysOnFront } from "./always-on.ts";
import { apigatewayPorts } from "./apigateway-ports.ts";
import { createAuthorize } from "./authorization.ts";
import { consoleFronts } from "./console.ts";
import { type DataDirectory, openDirectory } from "./directory.ts";
import { type EngineFinding, ecsPorts, reportEngine } from "./ecs-ports.ts";
import { elbv2Ports } from "./elbv2-ports.ts";
import { eventStreamFront } from "./event-stream.ts";
import { createFrontMatcher } from "./fronts.ts";
import { buildHouse, type House } from "./house.ts";
import { createAuthenticator, type FindKey, rootOf, type Who } from "./identity.ts";
import { lambdaPorts } from "./lambda-ports.ts";
import { exportSpans } from "./otlp.ts";
import { createRelay } from "./relay.ts";
import { createServices } from "./services.ts";
import { snsPorts } from "./sns-ports.ts";
import { Spans } from "./spans.ts";
import { WireCaller } from "./wire-caller.ts";

/** Counts of reads are committed this often, at most. */
const COUNTS_WAIT_MS = 100;
/** Most stacks are there before this; a client that polls then finds them at its first look. */
const STACK_PATIENCE_MS = 5000;

/** `strict`: an answer leaves when what it promises is on the disk. `relaxed`: a crash may take the last 100 ms with it. */
export type Durability = "strict" | "relaxed";

export interface PlatformSettings {
  /** 0: any free port. */
  readonly port: number;
  readonly host: string;
  readonly dataDirectory: string;
  /** Keeps nothing. */
  readonly ephemeral: boolean;
  readonly durability: Durability;
  /** Signed requests from known keys only, and IAM policies enforced. Forced on unless `host` is loopback. */
  readonly authRequired: boolean;
  readonly region: Region;
  readonly accountId: AccountId;
  /** A key of the account's root: where keys must be known, somebody has to be the first. */
  readonly rootKey?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  readonly smtpUrl?: string;
  /** Where the container engine listens; looked for in the usual places unless it is said. */
  readonly containerSocket?: string;
  /** An OpenTelemetry collector that traces are sent to, over HTTP: `http://localhost:4318`. */
  readonly otlpEndpoint?: string;
  /** How long workers are kept, what memory they may take, which programs run them; defaults where nothing is said. */
  readonly functions?: FunctionHostSettings;
  readonly log: Log;
  /** False: no ledger and no metrics of Virga's own. For benches, to see what they cost. */
  readonly metered?: boolean;
  /** Folder with the generated shapes. */
  readonly shapesDirectory: string;
  /** Folder with the built console. */
  readonly consoleDirectory: string;
  readonly version: string;
}

export interface Platform {
  /** `http://localhost:4566` */
  readonly endpoint: string;
  readonly port: number;
  readonly authRequired: boolean;
  /** What this machine offers to functions, for `virga doctor`. */
  report(): ReturnType<FunctionHost["report"]>;
  /** The container engine, for `virga doctor`. */
  containers(): Promise<EngineFinding>;
  close(): Promise<void>;
}

/** Whether only signed requests of known keys are taken. */
export const demandsKeys = ({ authRequired, host }: Pick<PlatformSettings, "authRequired" | "host">): boolean =>
  authRequired || !LOOPBACK.test(host);

const LOOPBACK = /^(localhost|127(\.\d+){3}|::1|\[::1\])$/;

/** @throws DirectoryLocked, DataRefused, or the listen error (EADDRINUSE …) */
export async function openPlatform(settings: PlatformSettings): Promise<Platform> {
  const clock = new SystemClock();
  const random = new SystemRandom();
  const { log } = settings;
  const authRequired = demandsKeys(settings);
  const place = settings.ephemeral ? temporaryPlace() : openDirectory(settings.dataDirectory);
  let opened: House | undefined;
  try {
    const engine = openEngine(settings, place.storePath, clock);
    const blobs = await FileBlobs.open(place.blobsPath, random, {
      durable: !settings.ephemeral && settings.durability === "strict",
    });
    let endpoint = "";
    const shapes = openShapes(settings.shapesDirectory);
    const measurements = new Measurements();
    const spans = new Spans(clock);
    const lambda = lambdaPorts({
      clock,
      random,
      log,
      directory: place.functionsPath,
      ...(settings.functions === undefined ? {} : { functions: settings.functions }),
      endpoint: () => endpoint,
      allows: (tx, request) =>
        request.principal.type !== "anonymous" && (!authRequired || authorize(tx, request).allowed),
      mayUseFolders: (principal) =>
        !authRequired || (principal.type === "root" && principal.accountId === settings.accountId),
    });
    const services = createServices({
      apigateway: apigatewayPorts({
        shapes: () => shapes,
        core: () => house.core,
        allows: (tx, principal, { action, resource }) =>
          !authRequired || authorize(tx, { principal, action, resource, conditions: {}, nowMs: clock.nowMs() }).allowed,
      }),
      ecs: ecsPorts({
        containerSocket: settings.containerSocket,
        server: () => server,
        portFile: settings.ephemeral ? undefined : join(place.path, "task-door"),
      }),
      lambda,
      shapes: () => shapes,
      elbv2: elbv2Ports,
      sns: snsPorts,
      authRequired,
      measurements,
      spans,
      stackPatienceMs: STACK_PATIENCE_MS,
      ...(settings.smtpUrl === undefined ? {} : { relay: createRelay(settings.smtpUrl) }),
    });
    const house: House = buildHouse({
      clock,
      random,
      log,
      engine,
      blobs,
      services,
      authorize: createAuthorize(authRequired),
      measurements,
      spans,
      metered: settings.metered ?? true,
      accountId: settings.accountId,
      region: settings.region,
      endpoint: () => endpoint,
      later: (run) => void setTimeout(run, COUNTS_WAIT_MS).unref(),
    });
    opened = house;
    const swept = await blobs.sweep(house.core.store);
    if (swept > 0) log.info("Removed bodies that no record names", { count: swept });

    const { core } = house;
    const server = createWireServer<Who>({
      shapes,
      authenticator: createAuthenticator({
        store: () => core.store,
        sources: [rootSource(settings), findAccessKey, findSession],
        required: authRequired,
        accountId: settings.accountId,
        region: settings.region,
      }),
      dispatch: (call) =>
        core.dispatch(call.service, call.operation, call.input, new WireCaller(call, settings.region)),
      front: createFrontMatcher({
        core: () => core,
        services,
        own: [
          eventStreamFront(spans, lambda.workers, authRequired),
          healthFront(
            settings,
            services.map((service) => service.name),
          ),
          alwaysOnFront(),
          ...consoleFronts(settings.consoleDirectory),
        ],
        accountId: settings.accountId,
        region: settings.region,
      }),
      extraHeaders: (call) =>
        call.service === "s3" && call.headers["origin"] !== undefined
          ? core.store.peek((tx) => replyHeaders(tx, call))
          : undefined,
      inspectBody: (call) => {
        if (call.service === "s3") checkDocument(call);
      },
      nowMs: () => clock.nowMs(),
      random,
      log,
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(settings.port, settings.host, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
    const { port } = server.address() as AddressInfo;
    endpoint = `http://${LOOPBACK.test(settings.host) ? "localhost" : settings.host}:${port}`;
    await house.start();
    const stopExport =
      settings.otlpEndpoint === undefined
        ? undefined
        : exportSpans({ endpoint: settings.otlpEndpoint, version: settings.version, clock, log, spans });
    return {
      endpoint,
      port,
      authRequired,
      report: () => lambda.report(),
      containers: () => reportEngine(settings.containerSocket),
      async close() {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        await house.close();
        await stopExport?.();
        server.closeAllConnections();
        await closed;
        place.unlock();
      },
    };
  } catch (error) {
    await opened?.close();
    place.unlock();
    throw error;
  }
}

function rootSource({ rootKey, accountId }: PlatformSettings): FindKey {
  if (!rootKey) return () => undefined;
  const known = { secretAccessKey: rootKey.secretAccessKey, ...rootOf(accountId) };
  return (_tx, accessKeyId) => (accessKeyId === rootKey.accessKeyId ? known : undefined);
}

function openEngine({ ephemeral, durability }: PlatformSettings, path: string, clock: Clock): Engine {
  if (ephemeral) return new MemoryEngine();
  const engine = new LmdbEngine(path);
  return durability === "relaxed" ? new RelaxedEngine(engine, clock) : engine;
}

function temporaryPlace(): DataDirectory {
  const path = mkdtempSync(join(tmpdir(), "virga-"));
  return {
    path,
    storePath: join(path, "data.mdb"),
    blobsPath: join(path, "blobs"),
    functionsPath: join(path, "functions"),
    unlock: () => void rm(path, { recursive: true, force: true }),
  };
}

/** `/_virga/health`: that it runs, which version, which services, which region is meant where none is named. */
function healthFront(settings: PlatformSettings, services: readonly string[]): HttpFront {
  const body = JSON.stringify({
    product: "virga",
    version: settings.version,
    status: "running",
    pid: process.pid,
    region: settings.region,
    services,
  });
  return {
    name: "health",
    untraced: true,
    path: /^\/_virga\/health$/,
    handle: async () => ({ status: 200, headers: { "content-type": "application/json" }, body }),
  };
}
