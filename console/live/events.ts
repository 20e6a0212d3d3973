/**
 * What happens, as it happens: the platform's event stream, read with fetch because an EventSource cannot sign. Nobody asks twice; while nothing
 * happens, nothing is sent.
 */
import { send } from "../aws/client.ts";

/** One piece of work that is over; as the platform writes it down. */
export interface Span {
  readonly traceId: string;
  readonly id: string;
  readonly parentId?: string;
  readonly service: string;
  readonly name: string;
  readonly resource?: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly requestId?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly fault: boolean };
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
}

export type PlatformEvent = { readonly type: string; readonly [member: string]: unknown };
/** The spans that an event tells of; none where it tells of something else. */
export const spansOf = (event: PlatformEvent): readonly Span[] =>
  event.type === "spans" ? (event["spans"] as readonly Span[]) : [];

export type StreamState = "connecting" | "live" | "lost";

type Listener = (events: readonly PlatformEvent[]) => void;

const RETRY_MS = 1000;
const RETRY_MS_MAX = 15_000;
/** Listeners hear what came within one frame at once. */
const BATCH_MS = 60;

const listeners = new Set<Listener>();
const stateListeners = new Set<() => void>();
let state: StreamState = "connecting";
let stopped: AbortController | undefined;
let pending: PlatformEvent[] = [];

export function onEvents(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

export const streamState = (): StreamState => state;
export function onStreamState(listener: () => void): () => void {
  stateListeners.add(listener);
  return () => void stateListeners.delete(listener);
}

function become(next: StreamState): void {
  if (state === next) return;
  if (state === "lost" && next === "live") publish({ type: "reconnected" });
  state = next;
  for (const listener of stateListeners) listener();
}

/** Begins to listen, and goes on after the connection was lost, until {@link disconnect}. */
export function connect(): void {
  disconnect();
  const abort = new AbortController();
  stopped = abort;
  void listen(abort.signal);
}

export function disconnect(): void {
  stopped?.abort();
  stopped = undefined;
}

async function listen(signal: AbortSignal): Promise<void> {
  let waitMs = RETRY_MS;
  while (!signal.aborted) {
    try {
      const response = await send("virga", {
        method: "GET",
        path: "/_virga/events",
        headers: { accept: "text/event-stream" },
        signal,
      });
      become("live");
      waitMs = RETRY_MS;
      await read(response, signal);
    } catch {
      // Lost, or not there: told by the state, tried again below.
    }
    if (signal.aborted) return;
    become("lost");
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
  }
}

async function read(response: Response, signal: AbortSignal): Promise<void> {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  while (!signal.aborted) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    const lines = rest.split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      if (!line.startsWith("data:")) continue;
      try {
        publish(JSON.parse(line.slice(5)));
      } catch {
        // A line that was cut off; the next one is whole again.
      }
    }
  }
}

/** Tells everybody who listens; exported for the tests' sake and for events that come from elsewhere. */
export function publish(event: PlatformEvent): void {
  pending.push(event);
  if (pending.length > 1) return;
  setTimeout(() => {
    const batch = pending;
    pending = [];
    for (const listener of listeners) listener(batch);
  }, BATCH_MS);
}
