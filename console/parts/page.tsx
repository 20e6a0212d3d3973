/** What every page has: a heading that says where one is, what can be done, and the same as commands. */
import { isValidElement, type ReactNode, useEffect, useRef, useState } from "react";
import type { ApiError } from "../aws/client.ts";
import { href } from "../routes.ts";
import { CommandLine, Dialog } from "./announce.tsx";
import { Icon, type IconName } from "./icons.tsx";

interface PageProps {
  readonly title: string;
  readonly icon?: IconName;
  /** Where it lies: names and paths, the nearest last. */
  readonly trail?: readonly (readonly [title: string, path: readonly string[]])[];
  readonly facts?: ReactNode;
  readonly actions?: ReactNode;
  readonly commands?: readonly string[];
  readonly error?: ApiError | undefined;
  readonly fill?: boolean;
  readonly children: ReactNode;
}

export function Page({ title, icon, trail = [], facts, actions, commands = [], error, fill, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    document.title = `${title} · Virga`;
    // After a change of page the reading goes on at its heading, unless a person is at work in a field.
    if (!document.activeElement?.closest("main input, main textarea, dialog"))
      heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <div className={fill ? "page fill" : "page"}>
      <header className="page-head">
        <div className="page-title">
          {trail.length > 0 && (
            <nav aria-label="Where this lies" className="trail">
              {trail.map(([name, path]) => (
                <span key={name + path.join("/")}>
                  <a href={href(path)}>{name}</a>
                  <span aria-hidden="true"> / </span>
                </span>
              ))}
            </nav>
          )}
          <h1 ref={heading} tabIndex={-1}>
            {icon && <Icon name={icon} size={20} />}
            <span>{title}</span>
          </h1>
          {facts && <div className="facts">{facts}</div>}
        </div>
        <div className="actions">
          {actions}
          {commands.length > 0 && (
            <button type="button" onClick={() => setOpen(true)} data-key="c" title="As aws commands (c)">
              <Icon name="terminal" size={14} /> aws
            </button>
          )}
        </div>
      </header>
      {error && <Failure error={error} />}
      {children}
      {open && (
        <Dialog title="The same with the AWS CLI" wide onClose={() => setOpen(false)}>
          {commands.map((text) => (
            <CommandLine key={text} text={text} />
          ))}
        </Dialog>
      )}
    </div>
  );
}

export function Failure({ error }: { error: ApiError | Error }) {
  return (
    <p className="failure" role="alert">
      <Icon name="bad" />
      <span>
        {"code" in error && <strong>{error.code}: </strong>}
        {error.message}
      </span>
    </p>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}

export function Facts({ entries }: { entries: readonly (readonly [string, unknown])[] }) {
  return (
    <dl className="fact-list">
      {entries
        .filter(([, value]) => value !== undefined && value !== null && value !== "")
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {isValidElement(value) ? (
                value
              ) : typeof value === "object" ? (
                <code>{JSON.stringify(value)}</code>
              ) : (
                String(value)
              )}
            </dd>
          </div>
        ))}
    </dl>
  );
}

export type Tone = "good" | "bad" | "warn" | "busy" | "plain";

/** A state in words; the colour only repeats them. */
export function State({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`state ${tone}`}>{children}</span>;
}

interface TabsProps {
  readonly tabs: readonly (readonly [key: string, title: string])[];
  readonly current: string;
  readonly link: (key: string) => string;
}

/** Links rather than ARIA tabs: each has an address of its own. */
export function Tabs({ tabs, current, link }: TabsProps) {
  return (
    <nav className="tabs" aria-label="Parts of this page">
      {tabs.map(([key, title]) => (
        <a key={key} href={link(key)} aria-current={key === current ? "page" : undefined}>
          {title}
        </a>
      ))}
    </nav>
  );
}

export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section aria-label={title}>
      <div className="section-head">
        <h2>{title}</h2>
        {actions && <div className="actions">{actions}</div>}
      </div>
      {children}
    </section>
  );
}

interface FieldProps {
  readonly label: string;
  readonly hint?: string;
  readonly grow?: boolean;
  readonly children: ReactNode;
}

export function Field({ label, hint, grow, children }: FieldProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: its control is inside
    <label className={grow ? "field grow" : "field"}>
      <span>{label}</span>
      {children}
      {hint && <small>{hint}</small>}
    </label>
  );
}
