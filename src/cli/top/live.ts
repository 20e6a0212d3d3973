/** The screen that `virga top` holds while it runs: drawn again and again, left as it was found. */
import type { Size } from "./screen.ts";

/** A terminal, or what stands in for one. */
export interface Terminal {
  readonly size: () => Size;
  write(text: string): void;
  /** Keys one by one, until the returned function is called. */
  onKey(hear: (key: string) => void): () => void;
  onResize(hear: () => void): () => void;
}

const ALTERNATE_SCREEN = "\x1b[?1049h\x1b[?25l";
const BACK = "\x1b[?25h\x1b[?1049l";
const HOME = "\x1b[H";
const TO_LINE_END = "\x1b[K";
const TO_SCREEN_END = "\x1b[J";
const CTRL_C = "\x03";

/**
 * Draws until `q`, Escape or Ctrl-C is pressed or the signal aborts.
 * @param lines what to draw; what it throws ends the screen
 * @param wait for the next time, at most until the signal
 */
export async function live(
  terminal: Terminal,
  lines: (size: Size) => Promise<readonly string[]>,
  wait: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const end = () => ended.abort();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  let drawn: readonly string[] = [];
  const draw = () => terminal.write(HOME + drawn.map((line) => `${line}${TO_LINE_END}`).join("\r\n") + TO_SCREEN_END);
  let again = new AbortController();
  const stopKeys = terminal.onKey((key) => {
    if (key === "q" || key === "\x1b" || key === CTRL_C) end();
    else if (key === " ") again.abort();
  });
  // A new size is drawn at once, with what is known.
  const stopResize = terminal.onResize(() => again.abort());
  terminal.write(ALTERNATE_SCREEN);
  try {
    while (!ended.signal.aborted) {
      drawn = await lines(terminal.size());
      if (ended.signal.aborted) break;
      draw();
      again = new AbortController();
      await wait(AbortSignal.any([ended.signal, again.signal]));
    }
  } finally {
    stopKeys();
    stopResize();
    signal.removeEventListener("abort", end);
    terminal.write(BACK);
  }
}
