/** With which key, in which region the console asks. The key lives in this tab alone, and ends with it. */
import type { Credentials } from "./sign.ts";

export interface Session {
  readonly credentials: Credentials;
  readonly region: string;
  readonly accountId: string;
  readonly arn: string;
  /** A person gave the key; else any would do. */
  readonly signedIn: boolean;
}

const KEY = "virga.key";
let current: Session | undefined;

export function session(): Session {
  if (!current) throw new Error("Nobody is signed in");
  return current;
}

export function begin(next: Session): void {
  current = next;
  if (next.signedIn) sessionStorage.setItem(KEY, JSON.stringify(next.credentials));
}

export function end(): void {
  current = undefined;
  sessionStorage.removeItem(KEY);
}

/** The key from before the page was loaded again. */
export function kept(): Credentials | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
