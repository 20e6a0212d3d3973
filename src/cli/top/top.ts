/** `virga top`: functions, queues, services, rates, errors and cost at a glance. */
import { setTimeout as sleep } from "node:timers/promises";
import { styleText } from "node:util";
import { type ClientOptions, runningTarget } from "../endpoint.ts";
import { print, printJson } from "../terminal.ts";
import { live, type Terminal } from "./live.ts";
import { renderSnapshot, type Size, type Styles } from "./screen.ts";
import { takeSnapshot } from "./snapshot.ts";

export interface TopOptions extends ClientOptions {
  readonly once?: boolean;
  readonly json?: boolean;
  /** Seconds between two looks. */
  readonly interval: number;
  /** Minutes that are looked at. */
  readonly window: number;
}

/** Where nobody looks at a screen, one look is printed; a pipe gets no colours. */
export async function top(options: TopOptions): Promise<void> {
  const target = await runningTarget(options);
  const look = () => takeSnapshot(target, options.window, Date.now());
  if (options.json) {
    printJson(await look());
    return;
  }
  const isLive = !options.once && process.stdout.isTTY && process.stdin.isTTY;
  const styles = stylesFor(process.stdout);
  if (!isLive) {
    const columns = process.stdout.isTTY ? process.stdout.columns : Infinity;
    print(renderSnapshot(await look(), { columns, rows: Infinity }, styles).join("\n"));
    return;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const wait = async (signal: AbortSignal) => {
    await sleep(options.interval * 1000, undefined, { signal }).catch(() => {});
  };
  const lines = async (size: Size) => renderSnapshot(await look(), size, styles);
  await live(ownTerminal(), lines, wait, stop.signal);
}

const stylesFor = (stream: NodeJS.WriteStream): Styles => {
  const style = (format: "bold" | "dim" | "red") => (text: string) => styleText(format, text, { stream });
  return { bold: style("bold"), dim: style("dim"), red: style("red") };
};

function ownTerminal(): Terminal {
  const { stdin, stdout } = process;
  return {
    size: () => ({ columns: stdout.columns, rows: stdout.rows }),
    write: (text) => stdout.write(text),
    onKey(hear) {
      const listener = (chunk: Buffer) => hear(chunk.toString("utf8"));
      stdin.setRawMode(true);
      stdin.on("data", listener).resume();
      return () => {
        stdin.setRawMode(false);
        stdin.off("data", listener).pause();
      };
    },
    onResize(hear) {
      stdout.on("resize", hear);
      return () => stdout.off("resize", hear);
    },
  };
}
