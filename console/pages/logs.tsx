/** Logs: search with CloudWatch's filter patterns, and follow as lines come. */
import { useCallback, useEffect, useRef, useState } from "react";
import { all, call } from "../aws/client.ts";
import { command } from "../aws/command.ts";
import { useLive, useLoaded } from "../live/use-call.ts";
import { bytes, duration, time } from "../parts/format.ts";
import { Failure, Field, Page } from "../parts/page.tsx";
import { Table } from "../parts/table.tsx";
import { href } from "../routes.ts";

interface Group {
  readonly logGroupName: string;
  readonly storedBytes?: number;
  readonly retentionInDays?: number;
  readonly creationTime: number;
}

interface LogEvent {
  readonly eventId: string;
  readonly timestamp: number;
  readonly message: string;
  readonly logStreamName: string;
}

const DAY_MS = 86_400_000;
/** Writing a log line is no call that the event stream would tell of. */
const TAIL_MS = 1000;
const LINES_MAX = 5000;

export function Logs({ path }: { path: readonly string[] }) {
  const name = path.join("/");
  return name === "" ? <GroupList /> : <GroupView key={name} name={name} />;
}

function GroupList() {
  const ask = () => all<Group>("logs", "DescribeLogGroups", {}, "logGroups", "nextToken");
  const { data, error } = useLoaded(ask, [], { services: ["lambda", "logs"] });
  return (
    <Page title="Logs" icon="log" fill error={error} commands={[command("logs", "DescribeLogGroups")]}>
      <Table
        label="Log groups"
        filter
        rows={data}
        rowKey={({ logGroupName }) => logGroupName}
        columns={[
          {
            key: "name",
            title: "Name",
            value: ({ logGroupName }) => logGroupName,
            cell: ({ logGroupName }) => <a href={href(["logs", logGroupName])}>{logGroupName}</a>,
          },
          {
            key: "size",
            title: "Stored",
            width: "110px",
            end: true,
            value: ({ storedBytes }) => storedBytes ?? 0,
            cell: ({ storedBytes }) => bytes(storedBytes ?? 0),
          },
          {
            key: "kept",
            less: true,
            title: "Kept for",
            width: "120px",
            end: true,
            value: ({ retentionInDays }) => retentionInDays ?? Number.MAX_SAFE_INTEGER,
            cell: ({ retentionInDays }) => (retentionInDays ? duration(retentionInDays * DAY_MS) : "ever"),
          },
        ]}
      />
    </Page>
  );
}

const SPANS = { "15 minutes": 15 * 60_000, "1 hour": 3_600_000, "1 day": DAY_MS, "1 week": 7 * DAY_MS };
type SpanName = keyof typeof SPANS;

/** Lines that the platform wrote, and those that tell of an error. */
const PLATFORM = /^(?:START|END|REPORT|INIT_START) /;
const ERROR = /\bERROR\b|"level":"ERROR"|"errorType"|Task timed out/;
const kindOf = (message: string): string => (PLATFORM.test(message) ? "platform" : ERROR.test(message) ? "error" : "");

function GroupView({ name }: { name: string }) {
  const [pattern, setPattern] = useState("");
  const [asked, setAsked] = useState("");
  const [span, setSpan] = useState<SpanName>("1 hour");
  const [follow, setFollow] = useState(true);
  const [lines, setLines] = useState<readonly LogEvent[]>([]);
  const [error, setError] = useState<Error>();
  const [loading, setLoading] = useState(true);
  const seen = useRef(new Set<string>());
  const latest = useRef(0);
  const busy = useRef(false);
  const list = useRef<HTMLDivElement>(null);
  const generation = useRef(0);

  const more = useCallback(async () => {
    if (busy.current) return;
    busy.current = true;
    const mine = generation.current;
    try {
      let nextToken: string | undefined;
      const found: LogEvent[] = [];
      do {
        const page: { events?: LogEvent[]; nextToken?: string } = await call("logs", "FilterLogEvents", {
          logGroupName: name,
          startTime: latest.current,
          ...(asked ? { filterPattern: asked } : {}),
          ...(nextToken ? { nextToken } : {}),
        });
        for (const event of page.events ?? []) {
          if (!seen.current.has(event.eventId)) found.push(event);
        }
        nextToken = page.nextToken;
      } while (nextToken && found.length < LINES_MAX);
      if (mine !== generation.current) return;
      for (const { eventId, timestamp } of found) {
        seen.current.add(eventId);
        latest.current = Math.max(latest.current, timestamp);
      }
      setError(undefined);
      if (found.length > 0) setLines((before) => [...before, ...found].slice(-LINES_MAX));
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setLoading(false);
      busy.current = false;
    }
  }, [name, asked]);

  useEffect(() => {
    generation.current++;
    busy.current = false;
    seen.current = new Set();
    latest.current = Date.now() - SPANS[span];
    setLines([]);
    setLoading(true);
    void more();
  }, [more, span]);
  useLive(more, follow ? { everyMs: TAIL_MS } : {});
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are what moves the end
  useEffect(() => {
    if (follow) list.current?.scrollTo({ top: list.current.scrollHeight });
  }, [lines, follow]);

  const input = { logGroupName: name, ...(asked ? { filterPattern: asked } : {}) };
  const lambda = /^\/aws\/lambda\/(.+)$/.exec(name)?.[1];
  return (
    <Page
      title={name}
      icon="log"
      fill
      trail={[["Logs", ["logs"]]]}
      commands={[command("logs", "FilterLogEvents", input)]}
      facts={lambda && <a href={href(["functions", lambda])}>Function {lambda}</a>}
    >
      <form
        className="form-row"
        aria-label="Search"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(pattern.trim());
        }}
      >
        <Field label="Filter pattern" grow>
          <input
            type="search"
            className="mono"
            data-key="/"
            placeholder={'ERROR   or   { $.level = "ERROR" }   or   %time.*out%'}
            value={pattern}
            onChange={(event) => setPattern(event.target.value)}
          />
        </Field>
        <Field label="Since">
          <select value={span} onChange={(event) => setSpan(event.target.value as SpanName)}>
            {Object.keys(SPANS).map((key) => (
              <option key={key}>{key}</option>
            ))}
          </select>
        </Field>
        <button type="submit">Search</button>
        <label className="check">
          <input type="checkbox" checked={follow} onChange={(event) => setFollow(event.target.checked)} /> Follow
        </label>
        <span className="quantity">{lines.length} lines</span>
      </form>
      {error && <Failure error={error} />}
      <div
        className="log"
        ref={list}
        role="log"
        aria-live={follow ? "polite" : "off"}
        aria-label={`Lines of ${name}`}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
        tabIndex={0}
      >
        {lines.map(({ eventId, timestamp, message }) => (
          <div key={eventId} className={`log-line ${kindOf(message)}`}>
            <time dateTime={new Date(timestamp).toISOString()}>{time(timestamp, true)}</time>
            <span>{message.trimEnd()}</span>
          </div>
        ))}
        {lines.length === 0 && <p className="empty">{loading ? "Loading…" : "No line in this time."}</p>}
      </div>
    </Page>
  );
}
