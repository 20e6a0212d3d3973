/**
 * `/_virga/events`: what happens, as it happens, for the console: server-sent events, each a JSON object with a `type`. Spans are gathered for a
 * moment and sent together; a reader that is too slow loses spans and is told how many.
 *
 *     data: {"type":"spans","spans":[…]}
 *     data: {"type":"workers","atMs":1795867287226,"functions":{"arn:aws:lambda:…":{"busy":2,"frozen":1}}}
 *     data: {"type":"lost","count":12}
 */
import { Readable } from "node:stream";
import type { FunctionHost } from "../functions/host.ts";
import type { Timer } from "../kernel/clock.ts";
import { AwsError } from "../kernel/errors.ts";
import type { Span } from "../kernel/trace.ts";
import type { HttpFront } from "../services/service.ts";
import type { Spans } from "./spans.ts";

const GATHER_MS = 50;
/** Workers are counted this often, from the first span on until none is left; told when a count has changed. */
const COUNT_MS = 1000;
const GATHERED_MAX = 500;
const BUFFERED_BYTES_MAX = 4 * 1024 * 1024;
/** Proxies and browsers take a silent connection for a dead one. */
const KEEP_ALIVE_MS = 15_000;

type Workers = FunctionHost["workers"];

export function eventStreamFront(spans: Spans, workers: Workers, authRequired: boolean): HttpFront {
  return {
    name: "events",
    untraced: true,
    method: /^GET$/,
    path: /^\/_virga\/events$/,
    async handle(flow) {
      if (authRequired && flow.principal.type === "anonymous") {
        throw new AwsError(
          "MissingAuthenticationToken",
          "Sign the request: the event stream is shown to known keys only.",
          403,
        );
      }
      const { accountId, clock, signal } = flow;
      const stream = new Readable({ read() {}, highWaterMark: BUFFERED_BYTES_MAX });
      let gathered: Span[] = [];
      let lost = 0;
      let timer: Timer | undefined;
      const send = (event: object) => stream.push(`data: ${JSON.stringify(event)}\n\n`);
      const flush = () => {
        timer = undefined;
        if (lost > 0) {
          send({ type: "lost", count: lost });
          lost = 0;
        }
        if (gathered.length === 0) return;
        send({ type: "spans", spans: gathered });
        gathered = [];
      };
      const stopListening = spans.listen((span) => {
        if (span.accountId !== accountId) return;
        if (gathered.length >= GATHERED_MAX || stream.readableLength > BUFFERED_BYTES_MAX) lost++;
        else gathered.push(span);
        timer ??= clock.at(clock.nowMs() + GATHER_MS, flush);
        counting ??= clock.at(clock.nowMs() + GATHER_MS, count);
      });
      let told = "{}";
      const count = () => {
        const functions = countsOf(workers(), accountId);
        const text = JSON.stringify(functions);
        if (text !== told) send({ type: "workers", atMs: clock.nowMs(), functions });
        told = text;
        counting = text === "{}" ? undefined : clock.at(clock.nowMs() + COUNT_MS, count);
      };
      let counting: Timer | undefined = clock.at(clock.nowMs(), count);
      let beat: Timer | undefined;
      const keepAlive = () => {
        stream.push(": \n\n");
        beat = clock.at(clock.nowMs() + KEEP_ALIVE_MS, keepAlive);
      };
      const end = () => {
        stopListening();
        timer?.cancel();
        counting?.cancel();
        beat?.cancel();
        if (!stream.destroyed) stream.push(null);
      };
      signal.addEventListener("abort", end, { once: true });
      stream.once("close", end);
      keepAlive();
      return {
        status: 200,
        headers: { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" },
        body: stream,
      };
    },
  };
}

/** How many workers each function has in each state. */
function countsOf(workers: ReturnType<Workers>, accountId: string): Record<string, Record<string, number>> {
  const functions: Record<string, Record<string, number>> = {};
  for (const { functionArn, state } of workers) {
    if (functionArn.split(":")[4] !== accountId) continue;
    const counts = (functions[functionArn] ??= {});
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return functions;
}
