/** Ctrl K: go anywhere by its name. And the keys that do the same without it. */
import { useEffect, useId, useMemo, useRef, useState } from "react";
import { all, call } from "../aws/client.ts";
import { listBuckets } from "../aws/s3.ts";
import { Dialog } from "../parts/announce.tsx";
import { nameOf } from "../parts/format.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { placesOf } from "../places.ts";
import { go } from "../routes.ts";

interface Goal {
  readonly title: string;
  readonly kind: string;
  readonly icon: IconName;
  readonly path: readonly string[];
}

const GOALS_MAX = 12;
/** A `g` waits this long for its second key. */
const CHORD_MS = 1200;

/** Everything that has a name. What cannot be listed is left out: a key may not be allowed everything. */
async function resources(services: readonly string[]): Promise<Goal[]> {
  const list = async (service: string, kind: string, icon: IconName, place: string, names: () => Promise<string[]>) =>
    services.includes(service)
      ? (await names().catch(() => [])).map((title) => ({ title, kind, icon, path: [place, title] }))
      : [];
  const found = await Promise.all([
    list("lambda", "Function", "lambda", "functions", async () =>
      (await all<{ FunctionName: string }>("lambda", "ListFunctions", {}, "Functions", ["NextMarker", "Marker"])).map(
        ({ FunctionName }) => FunctionName,
      ),
    ),
    list("sqs", "Queue", "queue", "queues", async () =>
      (await all<string>("sqs", "ListQueues", { MaxResults: 1000 }, "QueueUrls")).map(nameOf),
    ),
    list("dynamodb", "Table", "table", "tables", async () =>
      all<string>("dynamodb", "ListTables", {}, "TableNames", ["LastEvaluatedTableName", "ExclusiveStartTableName"]),
    ),
    list("s3", "Bucket", "bucket", "buckets", async () => (await listBuckets()).map(({ Name }) => Name)),
    list("logs", "Log group", "log", "logs", async () =>
      (await all<{ logGroupName: string }>("logs", "DescribeLogGroups", {}, "logGroups", "nextToken")).map(
        ({ logGroupName }) => logGroupName,
      ),
    ),
    list("cloudformation", "Stack", "stack", "stacks", async () =>
      ((await call("cloudformation", "DescribeStacks"))["Stacks"] || []).map(
        ({ StackName }: { StackName: string }) => StackName,
      ),
    ),
  ]);
  return found.flat();
}

/** Whether the letters of what was typed come in this order; the closer together, the better. Undefined: they do not. */
export function rank(text: string, typed: string): number | undefined {
  const name = text.toLowerCase();
  const direct = name.indexOf(typed);
  if (direct >= 0) return direct;
  let at = -1;
  let gaps = 0;
  for (const letter of typed) {
    const next = name.indexOf(letter, at + 1);
    if (next < 0) return undefined;
    gaps += next - at - 1;
    at = next;
  }
  return 100 + gaps;
}

export function Palette({ services, onClose }: { services: readonly string[]; onClose(): void }) {
  const [typed, setTyped] = useState("");
  const [found, setFound] = useState<readonly Goal[]>([]);
  const [chosen, setChosen] = useState(0);
  const list = useId();
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    input.current?.focus();
    let gone = false;
    resources(services).then((goals) => gone || setFound(goals));
    return () => {
      gone = true;
    };
  }, [services]);
  const goals = useMemo(() => {
    const pages = placesOf(services).map(({ title, icon, path }) => ({ title, icon, path: [path], kind: "Page" }));
    const text = typed.trim().toLowerCase();
    return [...pages, ...found]
      .map((goal) => ({ goal, rank: rank(goal.title, text) }))
      .filter((entry) => entry.rank !== undefined)
      .sort((a, b) => a.rank! - b.rank!)
      .slice(0, GOALS_MAX)
      .map(({ goal }) => goal);
  }, [services, found, typed]);
  const current = Math.min(chosen, goals.length - 1);
  const take = (goal: Goal | undefined) => {
    if (!goal) return;
    onClose();
    go(goal.path);
  };
  return (
    <Dialog title="Go to" onClose={onClose}>
      <div className="palette">
        <input
          ref={input}
          role="combobox"
          aria-expanded="true"
          aria-controls={list}
          aria-activedescendant={goals.length > 0 ? `${list}-${current}` : undefined}
          aria-label="A page or a resource"
          placeholder="A page, a function, a queue, a table…"
          value={typed}
          spellCheck={false}
          onChange={(event) => {
            setTyped(event.target.value);
            setChosen(0);
          }}
          onKeyDown={(event) => {
            const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
            if (by !== 0) {
              event.preventDefault();
              setChosen((current + by + goals.length) % Math.max(1, goals.length));
            } else if (event.key === "Enter") take(goals[current]);
          }}
        />
        <div role="listbox" id={list} aria-label="Found" tabIndex={-1}>
          {goals.map((goal, i) => (
            <div
              key={goal.kind + goal.title}
              id={`${list}-${i}`}
              role="option"
              tabIndex={-1}
              aria-selected={i === current}
              onMouseDown={(event) => {
                event.preventDefault();
                take(goal);
              }}
              onMouseMove={() => setChosen(i)}
            >
              <Icon name={goal.icon} />
              <span>{goal.title}</span>
              <small>{goal.kind}</small>
            </div>
          ))}
          {goals.length === 0 && <p className="empty">Nothing is called that.</p>}
        </div>
      </div>
    </Dialog>
  );
}

/** Keys that work wherever no text is being written. */
export function useShortcuts(services: readonly string[], openPalette: () => void): void {
  const open = useRef(openPalette);
  open.current = openPalette;
  useEffect(() => {
    let chordMs = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
        event.preventDefault();
        open.current();
        return;
      }
      const target = event.target as Element;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, dialog")) return;
      if (chordMs > event.timeStamp) {
        chordMs = 0;
        const place = placesOf(services).find(({ key }) => key === event.key);
        if (place) {
          event.preventDefault();
          go([place.path]);
        }
        return;
      }
      if (event.key === "g") chordMs = event.timeStamp + CHORD_MS;
      else if (event.key === "?") open.current();
      else {
        const bound = document.querySelector<HTMLElement>(`main [data-key="${CSS.escape(event.key)}"]`);
        if (!bound) return;
        event.preventDefault();
        if (bound instanceof HTMLInputElement) bound.focus();
        else bound.click();
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [services]);
}
