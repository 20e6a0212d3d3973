/**
 * Cookies by which a client stays with a target group or a target. They name what was chosen, and only what may be chosen anyway is taken from them.
 *
 * @see https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html#sticky-sessions
 */
import { createHash } from "node:crypto";

/** Each has a twin for requests from other sites. */
export const GROUP_COOKIE = "AWSALBTG";
export const TARGET_COOKIE = "AWSALB";
export const APPLICATION_COOKIE = "AWSALBAPP-0";

export function cookieOf(header: string | undefined, name: string): string | undefined {
  for (const part of (header ?? "").split(";")) {
    const at = part.indexOf("=");
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim();
  }
  return undefined;
}

/** The same for the same choice, and tells nothing of it. */
export const tokenOf = (choice: string): string => createHash("sha256").update(choice).digest("base64url");

export function setCookie(name: string, choice: string, seconds: number, nowMs: number): string[] {
  const expires = new Date(nowMs + seconds * 1000).toUTCString();
  const value = `${name}=${tokenOf(choice)}; Expires=${expires}; Path=/`;
  return name === APPLICATION_COOKIE
    ? [value]
    : [value, `${name}CORS=${tokenOf(choice)}; Expires=${expires}; Path=/; SameSite=None; Secure`];
}

/** Whether an answer sets this cookie of the application's. */
export const sets = (cookies: readonly string[], name: string): boolean =>
  cookies.some((cookie) => cookie.startsWith(`${name}=`));
