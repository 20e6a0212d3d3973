/** Data of a page: asked for once, and again whenever something happened that may have changed it. */
import { useCallback, useEffect, useRef, useState } from "react";
import type { ApiError } from "../aws/client.ts";
import { onEvents, type Span, spansOf } from "./events.ts";

export interface Loaded<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  readonly loading: boolean;
  reload(): void;
}

/** However much happens, a page asks no more often than this. */
const RELOAD_MS = 400;

export interface Liveness {
  /** Services whose work may change what is shown. */
  readonly services?: readonly string[];
  /** And further: whether this span does. */
  readonly concerns?: (span: Span) => boolean;
  /** Where asking is dear: no more often than this. */
  readonly pauseMs?: number;
  /** Asked again this often while the page is looked at; only where nothing tells of changes. */
  readonly everyMs?: number;
}

/**
 * @param ask undefined: nothing to ask yet
 * @param keys what `ask` depends on, besides the code
 */
export function useLoaded<T>(
  ask: ((signal: AbortSignal) => Promise<T>) | undefined,
  keys: readonly unknown[],
  live: Liveness = {},
): Loaded<T> {
  const [result, setResult] = useState<{ data?: T; error?: ApiError; loading: boolean }>({ loading: true });
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  const keyText = JSON.stringify(keys);
  const shown = useRef(keyText);
  const state = useRef({ asking: false, again: false });

  // biome-ignore lint/correctness/useExhaustiveDependencies: the keys stand for what is asked
  useEffect(() => {
    const run = latest.current;
    if (!run) {
      state.current = { asking: false, again: false };
      setResult({ loading: false });
      return;
    }
    const abort = new AbortController();
    // Another thing is asked for: what was there belongs to something else.
    if (shown.current !== keyText) setResult({ loading: true });
    shown.current = keyText;
    state.current = { asking: true, again: false };
    const over = () => {
      const { again } = state.current;
      state.current = { asking: false, again: false };
      if (again) setRound((value) => value + 1);
    };
    run(abort.signal).then(
      (data) => {
        if (abort.signal.aborted) return;
        setResult({ data, loading: false });
        over();
      },
      (error) => {
        if (abort.signal.aborted) return;
        setResult(({ data }) => ({ data: data as T, error, loading: false }));
        over();
      },
    );
    return () => abort.abort();
  }, [keyText, round]);

  // An answer that is on its way is waited for: where much happens, or answers are slow, nothing would ever be shown.
  const reload = useCallback(() => {
    if (state.current.asking) state.current.again = true;
    else setRound((value) => value + 1);
  }, []);
  useLive(reload, live);
  return { data: result.data, error: result.error, loading: result.loading, reload };
}

/** Calls back soon after something happened that concerns it, but not more often than {@link RELOAD_MS}. */
export function useLive(reload: () => void, { services, concerns, pauseMs = RELOAD_MS, everyMs }: Liveness): void {
  const rule = useRef({ services, concerns });
  rule.current = { services, concerns };
  const heard = (services?.length ?? 0) > 0 || concerns !== undefined;
  useEffect(() => {
    if (!heard) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = onEvents((events) => {
      if (timer) return;
      const { services: names, concerns: further } = rule.current;
      const concerned = events.some((event) => {
        // Nobody told what happened while the connection was lost.
        if (event.type === "reconnected") return true;
        return spansOf(event).some((span) => (names?.includes(span.service) ?? true) && (further?.(span) ?? true));
      });
      if (concerned)
        timer = setTimeout(() => {
          timer = undefined;
          reload();
        }, pauseMs);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [reload, heard, pauseMs]);
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => document.visibilityState === "visible" && reload(), everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
}
