/** The frame: who is there, where one is, how to get elsewhere. Pages load when they are first looked at. */
import { type ComponentType, lazy, Suspense, useEffect, useState, useSyncExternalStore } from "react";
import type { ApiError } from "./aws/client.ts";
import { end, session } from "./aws/session.ts";
import "./live/spans.ts";
import "./live/workers.ts";
import { chooseRegion, chosenRegion, enter, type Health, health } from "./health.ts";
import icon from "./icon.svg";
import { connect, disconnect, onStreamState, streamState } from "./live/events.ts";
import { Announcements } from "./parts/announce.tsx";
import { Icon } from "./parts/icons.tsx";
import { Failure } from "./parts/page.tsx";
import { PLACES } from "./places.ts";
import { currentRoute, href, useRoute } from "./routes.ts";
import { Palette, useShortcuts } from "./shell/palette.tsx";
import { Services } from "./shell/services.ts";
import { SignIn } from "./shell/sign-in.tsx";
import { ThemeButton } from "./shell/theme.tsx";

/** What is looked at first comes while it is found out who asks. */
const first = currentRoute().path[0] ?? "map";

const page = <Name extends string>(
  load: () => Promise<Record<Name, ComponentType<{ path: readonly string[] }>>>,
  name: Name,
) => {
  // A page that cannot be loaded says so when it is shown.
  if (name.toLowerCase().replace(/page$/, "") === first) load().catch(() => {});
  return lazy(async () => ({ default: (await load())[name] }));
};

const PAGES: Readonly<Record<string, ComponentType<{ path: readonly string[] }>>> = {
  map: page(() => import("./pages/map.tsx"), "MapPage"),
  buckets: page(() => import("./pages/buckets.tsx"), "Buckets"),
  cost: page(() => import("./pages/cost.tsx"), "Cost"),
  elasticity: page(() => import("./pages/elasticity.tsx"), "Elasticity"),
  functions: page(() => import("./pages/functions.tsx"), "Functions"),
  logs: page(() => import("./pages/logs.tsx"), "Logs"),
  mail: page(() => import("./pages/mail.tsx"), "Mail"),
  parameters: page(() => import("./pages/parameters.tsx"), "Parameters"),
  queues: page(() => import("./pages/queues.tsx"), "Queues"),
  schedules: page(() => import("./pages/schedules.tsx"), "Schedules"),
  secrets: page(() => import("./pages/secrets.tsx"), "Secrets"),
  stacks: page(() => import("./pages/stacks.tsx"), "Stacks"),
  traces: page(() => import("./pages/traces.tsx"), "Traces"),
  tables: page(() => import("./pages/tables.tsx"), "Tables"),
};

type Standing = { at: "door" } | { at: "inside"; health: Health } | { at: "nowhere"; error?: ApiError };

export function App() {
  const [standing, setStanding] = useState<Standing>({ at: "nowhere" });
  const arrive = async (given?: Parameters<typeof enter>[1]) => {
    const about = await health();
    const inside = await enter(chosenRegion() ?? about.region, given);
    setStanding(inside ? { at: "inside", health: about } : { at: "door" });
    if (inside) connect();
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: one arrives once
  useEffect(() => {
    arrive().catch((error) => {
      // A key that was kept and is refused now: ask for another.
      end();
      setStanding(error.status === 403 ? { at: "door" } : { at: "nowhere", error });
    });
    return disconnect;
  }, []);

  if (standing.at === "door") return <SignIn onKey={arrive} />;
  if (standing.at === "nowhere")
    return <main className="alone">{standing.error ? <Failure error={standing.error} /> : null}</main>;
  return (
    <Frame
      health={standing.health}
      onSignOut={() => {
        disconnect();
        end();
        setStanding({ at: "door" });
      }}
    />
  );
}

function Frame({ health: about, onSignOut }: { health: Health; onSignOut(): void }) {
  const route = useRoute();
  const [place = "map", ...rest] = route.path;
  const Current = PAGES[place];
  const groups = PLACES.map(([title, places]) => {
    const there = places.filter(({ service, path }) => PAGES[path] && (!service || about.services.includes(service)));
    return [title, there] as const;
  }).filter(([, places]) => places.length > 0);
  const [menu, setMenu] = useState(false);
  const [palette, setPalette] = useState(false);
  useShortcuts(about.services, () => setPalette(true));
  // biome-ignore lint/correctness/useExhaustiveDependencies: a menu closes when one has gone somewhere
  useEffect(() => setMenu(false), [route]);
  return (
    <div className="shell">
      <button type="button" className="skip" onClick={() => document.getElementById("main")?.focus()}>
        Skip to content
      </button>
      <header className="bar">
        <button
          type="button"
          className="quiet menu-button"
          aria-expanded={menu}
          aria-controls="places"
          aria-label="Menu"
          onClick={() => setMenu(!menu)}
        >
          <Icon name={menu ? "close" : "menu"} />
        </button>
        <a className="brand" href={href([])}>
          <img src={icon} alt="" width="22" height="22" />
          Virga
        </a>
        <button type="button" className="palette-button" onClick={() => setPalette(true)}>
          <Icon name="search" size={14} />
          <span>Go to…</span>
          <kbd>{/Mac|iP/.test(navigator.platform) ? "⌘" : "Ctrl"} K</kbd>
        </button>
        <div className="bar-end">
          <Liveness />
          <RegionField />
          <ThemeButton />
          {session().signedIn && (
            <button type="button" className="quiet" onClick={onSignOut} title={session().arn}>
              Sign out
            </button>
          )}
        </div>
      </header>
      <nav id="places" className={menu ? "places open" : "places"} aria-label="Pages">
        {groups.map(([title, places]) => (
          <div key={title} className="place-group">
            <h2>{title}</h2>
            <ul>
              {places.map(({ path, title: name, icon, key }) => (
                <li key={path}>
                  <a href={href([path])} aria-current={path === place ? "page" : undefined} title={`g ${key}`}>
                    <Icon name={icon} />
                    {name}
                  </a>
                </li>
              ))}
            </ul>
          </div>
        ))}
        <p className="place-foot">
          Virga {about.version}
          <br />
          {session().accountId} · press ? for keys
        </p>
      </nav>
      <main id="main" tabIndex={-1}>
        <Suspense fallback={<p className="empty">Loading…</p>}>
          <Services value={about.services}>
            {Current ? <Current key={place} path={rest} /> : <p className="empty">There is no page “{place}”.</p>}
          </Services>
        </Suspense>
      </main>
      {palette && <Palette services={about.services} onClose={() => setPalette(false)} />}
      <Announcements />
    </div>
  );
}

function Liveness() {
  const state = useSyncExternalStore(onStreamState, streamState);
  const words = { connecting: "Connecting", live: "Live", lost: "Not live" };
  return (
    <span className={`liveness ${state}`} role="status" title="Whether pages show what happens as it happens">
      {words[state]}
    </span>
  );
}

function RegionField() {
  const [region, setRegion] = useState(session().region);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        chooseRegion(region.trim());
        location.reload();
      }}
    >
      <input
        className="region"
        aria-label="Region"
        value={region}
        pattern="[a-z]{2}(-[a-z]+)+-\d"
        size={11}
        spellCheck={false}
        onChange={(event) => setRegion(event.target.value)}
      />
    </form>
  );
}
