/**
 * The data plane: opens the ports of listeners, keeps load balancers compiled, checks targets, and serves requests that come by a listener's port or
 * by a load balancer's host name at the platform's own.
 *
 * A port on this machine is one; on AWS each load balancer has ports of its own. So listeners of one port share it: the Host header says which load
 * balancer is meant, and a request that names none goes to the listener that was made first.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream";
import { decodeKey } from "../../../storage/keys.ts";
import type { Transaction } from "../../../storage/transaction.ts";
import type { FlowContext, HttpRequest, HttpResponse } from "../../service.ts";
import { ALL_PORTS, addresses, addressKey, loadBalancerArn, openPorts, type Place } from "../state.ts";
import { targetsTopic } from "../targets.ts";
import { errorPage } from "./answers.ts";
import { Capacity } from "./capacity.ts";
import { chooseGroup, Turns } from "./choose.ts";
import { createHealthChecks, type HealthBook } from "./health.ts";
import { findTarget, forwardedHeaders, type RequestGround, serveRequest } from "./requests.ts";
import { type Group, metricName, type Snapshot, takeSnapshot } from "./snapshot.ts";
import { createTargetHttp } from "./target-http.ts";

/** What load balancing needs of the outside world. */
export interface Elbv2Ports {
  /** Opens a port on the loopback interface. @throws when somebody else has it, or when it is not ours to open */
  listen(
    port: number,
    onRequest: (message: IncomingMessage, response: ServerResponse) => void,
    onUpgrade: (message: IncomingMessage, socket: Duplex, head: Buffer) => void,
  ): Promise<{ close(): Promise<void> }>;
}

export interface Plane {
  readonly book: HealthBook;
  /** Something that requests depend on has changed. */
  changed(): void;
  /** Answers a request for the load balancer whose host name begins with this label. */
  serve(flow: FlowContext, request: HttpRequest, label: string): Promise<HttpResponse>;
  open(flow: FlowContext): Promise<() => Promise<void>>;
}

/** At the platform's own port a load balancer is known by its name alone: of its listeners, this one or else that of the lowest port answers. */
const HTTP_PORT = 80;

interface OnPort {
  readonly at: Place;
  readonly listenerId: string;
}

export function createPlane(ports: Elbv2Ports): Plane {
  let flow: FlowContext | undefined;
  let snapshots = new Map<string, Promise<Snapshot | undefined>>();
  let onPorts: ReadonlyMap<number, readonly OnPort[]> = new Map();
  const open = new Map<number, { close(): Promise<void> } | undefined>();
  let following: Promise<void> | undefined;
  let stale = false;
  const turns = new Turns();
  const http = createTargetHttp(() => flow!.clock);
  const checks = createHealthChecks(
    http.probe,
    () => flow!.clock,
    (group) => void flow?.write((_tx, context) => context.wake(targetsTopic(group))).catch(() => {}),
    measureHealth,
  );

  function measureHealth(group: Group, healthy: number, unhealthy: number): void {
    const { accountId, region } = group.record;
    const scope = flow?.as({ accountId, region });
    const LoadBalancer = loadBalancerOf.get(group.arn);
    if (scope === undefined || LoadBalancer === undefined) return;
    const dimensions = { TargetGroup: metricName(group.arn), LoadBalancer };
    const common = { namespace: "AWS/ApplicationELB", dimensions, unit: "Count" } as const;
    scope.measure({ ...common, name: "HealthyHostCount", value: healthy });
    scope.measure({ ...common, name: "UnHealthyHostCount", value: unhealthy });
  }
  /** Which load balancer uses a target group, as metrics name it. */
  let loadBalancerOf: ReadonlyMap<string, string> = new Map();

  const snapshotOf = (at: Place, by: FlowContext): Promise<Snapshot | undefined> => {
    const name = `${at.accountId} ${at.region} ${at.name}`;
    let known = snapshots.get(name);
    if (known === undefined) {
      known = by.write((tx) => takeSnapshot(tx, at));
      snapshots.set(name, known);
      known.catch(() => snapshots.delete(name));
    }
    return known;
  };

  const capacity = new Capacity(() => flow!.clock);
  /** Connections that a request has come by. */
  const connections = new WeakSet<object>();
  const ground: RequestGround = { book: checks, turns, http, capacity, snapshot: ({ lb }) => snapshotOf(lb, flow!) };

  /** Opens and closes ports, and watches targets, as what is kept says; again while that changes. */
  const follow = async (by: FlowContext): Promise<void> => {
    do {
      stale = false;
      snapshots = new Map();
      onPorts = await by.write(portsIn);
      for (const port of onPorts.keys()) if (!open.has(port)) open.set(port, await openPort(by, port));
      for (const [port, server] of open) {
        if (onPorts.has(port)) continue;
        open.delete(port);
        await server?.close();
      }
      const all = new Map<string, Snapshot>();
      for (const { at } of [...onPorts.values()].flat()) {
        const snapshot = await snapshotOf(at, by);
        if (snapshot) all.set(loadBalancerArn(snapshot.lb), snapshot);
      }
      loadBalancerOf = new Map(
        [...all].flatMap(([arn, { groups }]) => [...groups.keys()].map((group) => [group, metricName(arn)])),
      );
      checks.watch([...all.values()].flatMap(({ groups }) => [...groups.values()]));
    } while (stale && !by.signal.aborted);
  };

  const openPort = async (by: FlowContext, port: number) => {
    try {
      return await ports.listen(
        port,
        (message, response) => void answer(by, port, message, response),
        (message, socket, head) => void upgrade(by, port, message, socket, head),
      );
    } catch (error) {
      by.log.warn("a listener's port could not be opened; its load balancer answers at the platform's port alone", {
        port,
        error: (error as Error).message,
      });
      return undefined;
    }
  };

  const listenerOn = async (by: FlowContext, port: number, host: string) => {
    const here = onPorts.get(port) ?? [];
    const label = /^(?<label>[^.]+)\.[^.]+\.elb\.localhost$/i.exec(host)?.groups?.["label"]?.toLowerCase();
    const named = label === undefined ? undefined : await by.write((tx) => addresses.get(tx, addressKey(label)));
    const chosen = here.find(({ at }) => named !== undefined && sameName(at, named)) ?? here[0];
    const snapshot = chosen && (await snapshotOf(chosen.at, by));
    const listener = snapshot?.listeners.find((one) => one.listener.id === chosen!.listenerId);
    return snapshot && listener ? { snapshot, listener } : undefined;
  };

  const answer = async (by: FlowContext, port: number, message: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    try {
      const request = requestOf(message);
      const found = await listenerOn(by, port, request.host);
      if (found === undefined) return send(response, errorPage(503));
      const scope = scopeOf(by, found.snapshot, gone.signal);
      if (!connections.has(message.socket)) {
        connections.add(message.socket);
        capacity.add(scope, loadBalancerArn(found.snapshot.lb), "connections", 1);
      }
      const startMs = by.clock.nowMs();
      const reply = await serveRequest(ground, scope, found.snapshot, found.listener, request);
      writeSpan(scope, found.snapshot, request, reply.status, startMs);
      send(response, reply);
    } catch (error) {
      by.log.error("a load balancer failed with a defect", { error: (error as Error).stack ?? String(error) });
      if (response.headersSent) response.destroy();
      else send(response, errorPage(500));
    }
  };

  /** A connection that is to speak another protocol: WebSocket. */
  const upgrade = async (by: FlowContext, port: number, message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on("error", () => {});
    const request = requestOf(message);
    const refuse = (status: 502 | 503) =>
      socket.end(`HTTP/1.1 ${status} Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    try {
      const found = await listenerOn(by, port, request.host);
      const action = found?.listener.choose(request);
      if (found === undefined || action?.Type !== "forward") return void refuse(503);
      const scope = scopeOf(by, found.snapshot, by.signal);
      const group = chooseGroup(action, found.snapshot.groups, request.headers["cookie"], by.random.next());
      if (group?.record.targetType !== "ip") return void refuse(503);
      const choice = await findTarget(ground, scope, found.snapshot, group, request);
      if (choice === undefined) return void refuse(503);
      const headers = forwardedHeaders(scope, found.snapshot, request, port);
      const asked: [string, string][] = [
        ["Connection", "Upgrade"],
        ["Upgrade", request.headers["upgrade"] ?? "websocket"],
      ];
      const sent = { method: request.method, pathAndQuery: message.url!, headers: [...headers, ...asked] };
      await http.join(choice.target.id, choice.target.port, sent, socket, head);
    } catch {
      refuse(502);
    }
  };

  const plane: Plane = {
    book: checks,
    changed() {
      snapshots = new Map();
      if (flow === undefined) return;
      stale = true;
      const by = flow;
      following ??= follow(by)
        .catch((error: Error) => {
          if (!by.signal.aborted) by.log.error("listeners could not be followed", { error: error.message });
        })
        .finally(() => {
          following = undefined;
          // What changed after the last look, and before anybody could be told.
          if (stale) plane.changed();
        });
    },
    async serve(by, request, label) {
      const at = await by.write((tx) => addresses.get(tx, addressKey(label)));
      const snapshot = at && (await snapshotOf(at, by));
      if (!snapshot) return errorPage(503);
      const all = snapshot.listeners.toSorted((a, b) => a.listener.port - b.listener.port);
      const listener = all.find((one) => one.listener.port === HTTP_PORT) ?? all[0];
      if (listener === undefined) return errorPage(503);
      const { accountId, region } = snapshot.lb;
      return serveRequest(ground, by.as({ accountId, region }), snapshot, listener, request);
    },
    async open(by) {
      flow = by;
      await follow(by);
      return async () => {
        capacity.settle();
        flow = undefined;
        stale = false;
        checks.stop();
        await following;
        await Promise.all([...open.values()].map((server) => server?.close()));
        open.clear();
        http.close();
      };
    },
  };
  return plane;
}

const sameName = (a: Place, b: Place): boolean =>
  a.name === b.name && a.region === b.region && a.accountId === b.accountId;

/** Of each load balancer as it was read; made once, because every request needs one. */
const scopes = new WeakMap<Snapshot, FlowContext>();

/** The load balancer's own account and region, the client's patience, and a trace that begins here. */
function scopeOf(by: FlowContext, snapshot: Snapshot, signal: AbortSignal): FlowContext {
  let scope = scopes.get(snapshot);
  if (scope === undefined) {
    const { accountId, region } = snapshot.lb;
    scope = by.as({ accountId, region });
    scopes.set(snapshot, scope);
  }
  return { ...scope, signal, trace: by.tracer.begin(by.clock.nowMs()) };
}

/** Requests at the platform's own port are written down by the platform. */
function writeSpan(
  { trace, spans, clock, accountId, region }: FlowContext,
  { lb }: Snapshot,
  request: HttpRequest,
  status: number,
  startMs: number,
): void {
  if (!trace.sampled) return;
  spans.record({
    traceId: trace.traceId,
    id: trace.spanId,
    accountId,
    region,
    service: "elbv2",
    name: `${request.method} ${request.path}`,
    resource: loadBalancerArn(lb),
    startMs,
    durationMs: clock.nowMs() - startMs,
    attributes: { status },
  });
}

function portsIn(tx: Transaction): ReadonlyMap<number, readonly OnPort[]> {
  const found = new Map<number, OnPort[]>();
  for (const [key] of openPorts.range(tx, ALL_PORTS.start, ALL_PORTS.end)) {
    const [, port, , accountId, region, name, listenerId] = decodeKey(key) as [string, number, number, ...string[]];
    const at = { accountId, region, name } as Place;
    const here = found.get(port);
    if (here) here.push({ at, listenerId: listenerId! });
    else found.set(port, [{ at, listenerId: listenerId! }]);
  }
  return found;
}

function requestOf(message: IncomingMessage): HttpRequest {
  const url = message.url!;
  const mark = url.indexOf("?");
  const rawHeaders: (readonly [string, string])[] = [];
  for (let i = 0; i < message.rawHeaders.length; i += 2)
    rawHeaders.push([message.rawHeaders[i]!, message.rawHeaders[i + 1]!]);
  return {
    method: message.method!,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    headers: message.headers as Record<string, string>,
    rawHeaders,
    host: (message.headers.host ?? "").replace(/:\d+$/, ""),
    sourceIp: message.socket.remoteAddress?.replace(/^::ffff:/, "") ?? "127.0.0.1",
    protocol: `HTTP/${message.httpVersion}`,
    body: message,
    async readBody(bytesMax, tooLarge) {
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of message as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes > bytesMax) throw (tooLarge ?? (() => new Error("the body is too large")))();
        chunks.push(chunk);
      }
      return Buffer.concat(chunks);
    },
    signerOfForm() {
      throw new Error("a load balancer asks nobody who they are");
    },
  };
}

function send(response: ServerResponse, reply: HttpResponse): void {
  const headers = reply.headers as Record<string, string | string[]>;
  const { body } = reply;
  if (body !== undefined && typeof (body as Readable).pipe === "function") {
    response.writeHead(reply.status, headers);
    pipeline(body as Readable, response, () => {});
    return;
  }
  const bytes = Buffer.from((body ?? "") as string);
  response.writeHead(reply.status, { ...headers, "content-length": String(bytes.length) });
  response.end(response.req.method === "HEAD" ? undefined : bytes);
}
