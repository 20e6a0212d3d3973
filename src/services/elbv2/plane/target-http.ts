/** Speaks HTTP to targets: requests passed on with their bodies as streams, health checks, upgraded connections. */
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Clock } from "../../../kernel/clock.ts";
import type { Probe } from "./health.ts";

/** AWS waits as long for a connection. */
const CONNECT_MS_MAX = 10_000;

export type HeaderPairs = readonly (readonly [name: string, value: string])[];

export interface Sent {
  readonly method: string;
  readonly pathAndQuery: string;
  readonly headers: HeaderPairs;
  readonly body: NodeJS.ReadableStream;
  readonly hasBody: boolean;
}

/** `refused`: no connection, or it broke before there was an answer. */
export type Failure = "timeout" | "refused" | "aborted";

export class TargetFailed extends Error {
  override readonly name = "TargetFailed";
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(`The target did not answer: ${failure}`);
    this.failure = failure;
  }
}

export interface TargetHttp {
  /** Resolves with the head of the answer. @throws TargetFailed */
  send(ip: string, port: number, sent: Sent, idleMs: number, signal: AbortSignal): Promise<IncomingMessage>;
  /** Sends the head of a request that asks for another protocol, and joins the two ends. @throws TargetFailed */
  join(ip: string, port: number, sent: Omit<Sent, "body" | "hasBody">, client: Duplex, first: Buffer): Promise<void>;
  readonly probe: Probe;
  close(): void;
}

export function createTargetHttp(clock: () => Clock): TargetHttp {
  const agent = new Agent({ keepAlive: true, keepAliveMsecs: 30_000 });
  const probes = new Agent({ keepAlive: false });

  const once = (ip: string, port: number, sent: Sent, idleMs: number, signal: AbortSignal) =>
    new Promise<{ readonly message?: IncomingMessage; readonly failure?: Failure; readonly stale?: boolean }>(
      (resolve) => {
        const outgoing = httpRequest({
          agent,
          host: ip,
          port,
          method: sent.method,
          path: sent.pathAndQuery,
          headers: sent.headers.flat(),
          timeout: idleMs,
          signal,
        });
        outgoing.once("socket", (socket: Socket) => {
          if (!socket.connecting) return;
          const late = clock().at(clock().nowMs() + CONNECT_MS_MAX, () =>
            outgoing.destroy(new TargetFailed("timeout")),
          );
          socket.once("connect", () => late.cancel());
          socket.once("close", () => late.cancel());
        });
        outgoing.once("timeout", () => outgoing.destroy(new TargetFailed("timeout")));
        outgoing.once("response", (message) => resolve({ message }));
        outgoing.once("error", (error) => {
          const failure = signal.aborted ? "aborted" : error instanceof TargetFailed ? error.failure : "refused";
          resolve({ failure, stale: outgoing.reusedSocket });
        });
        if (sent.hasBody) sent.body.pipe(outgoing);
        else outgoing.end();
      },
    );

  return {
    async send(ip, port, sent, idleMs, signal) {
      let result = await once(ip, port, sent, idleMs, signal);
      // A kept connection that the target had closed meanwhile says nothing of the target.
      if (result.failure === "refused" && result.stale && !sent.hasBody)
        result = await once(ip, port, sent, idleMs, signal);
      if (result.message === undefined) throw new TargetFailed(result.failure!);
      return result.message;
    },
    join: (ip, port, sent, client, first) =>
      new Promise((resolve, reject) => {
        const target = connect({ host: ip, port });
        client.on("error", () => target.destroy());
        target.once("error", () => {
          client.destroy();
          reject(new TargetFailed("refused"));
        });
        target.once("connect", () => {
          const lines = sent.headers.map(([name, value]) => `${name}: ${value}\r\n`);
          target.write(`${sent.method} ${sent.pathAndQuery} HTTP/1.1\r\n${lines.join("")}\r\n`);
          if (first.length > 0) target.write(first);
          target.pipe(client);
          client.pipe(target);
          client.once("close", () => target.destroy());
          target.once("close", () => client.destroy());
          resolve();
        });
      }),
    probe: (ip, port, path, timeoutMs) =>
      new Promise((resolve) => {
        const headers = { host: `${ip}:${port}`, "user-agent": "ELB-HealthChecker/2.0", connection: "close" };
        const outgoing = httpRequest({ agent: probes, host: ip, port, path, headers });
        const timer = clock().at(clock().nowMs() + timeoutMs, () => {
          resolve("timeout");
          outgoing.destroy();
        });
        outgoing.once("response", (message) => {
          timer.cancel();
          resolve(message.statusCode ?? 0);
          message.on("error", () => {});
          message.resume();
        });
        outgoing.once("error", () => {
          timer.cancel();
          resolve("failed");
        });
        outgoing.end();
      }),
    close() {
      agent.destroy();
      probes.destroy();
    },
  };
}
