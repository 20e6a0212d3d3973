/**
 * Serves the console: its files at `/_virga/`, and a browser that asks for `/` is sent there. The files hold nothing of anybody's; what they show,
 * they ask for through the public APIs, signed where keys are demanded.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import type { HttpFront, HttpResponse } from "../services/service.ts";

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

/**
 * Nothing but what comes from here. Inline styles are for mails and previews, which are shown in frames without scripts and inherit this policy.
 * @see https://www.w3.org/TR/CSP3/
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "media-src blob:",
  "connect-src 'self'",
  "frame-src 'self' blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const SAFE = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

/** @param directory where the built console lies; read when somebody asks */
export function consoleFronts(directory: string): readonly HttpFront[] {
  let names: ReadonlySet<string> | undefined;
  const file = (name: string): HttpResponse => {
    if (!names?.has(name)) names = listFiles(directory);
    if (!names.has(name)) {
      const text = names.size === 0 ? "The console is not built: npm run console.\n" : "There is no such page.\n";
      return { status: 404, headers: { ...SAFE, "content-type": "text/plain; charset=utf-8" }, body: text };
    }
    return {
      status: 200,
      headers: {
        ...SAFE,
        "content-type": TYPES[extname(name)] ?? "application/octet-stream",
        // The names of all but the page carry a hash of what is in them.
        "cache-control": name === "index.html" ? "no-cache" : "public, max-age=31536000, immutable",
      },
      body: readFileSync(join(directory, name)),
    };
  };
  const redirect: HttpResponse = { status: 302, headers: { location: "/_virga/", vary: "accept" }, body: "" };
  return [
    {
      name: "console-redirect",
      untraced: true,
      method: /^(?:GET|HEAD)$/,
      path: /^\/$/,
      // S3's ListBuckets has the same address; no client of it asks for HTML without a signature.
      when: ({ host, query, headers }) =>
        query === "" &&
        headers["authorization"] === undefined &&
        /(?:^|,)\s*text\/html\b/.test(headers["accept"] ?? "") &&
        (host === "localhost" || /^[\d.]+$/.test(host) || host.startsWith("[")),
      handle: async () => redirect,
    },
    {
      name: "console-redirect",
      untraced: true,
      method: /^(?:GET|HEAD)$/,
      path: /^\/_virga$/,
      handle: async () => redirect,
    },
    {
      name: "console",
      untraced: true,
      method: /^(?:GET|HEAD)$/,
      path: /^\/_virga\/(?<file>(?:assets\/)?[\w.-]*)$/,
      handle: async (_flow, _request, { file: name }) => file(name || "index.html"),
    },
  ];
}

/** Names as they are asked for: nothing else is ever read. */
function listFiles(directory: string): ReadonlySet<string> {
  if (!existsSync(directory)) return new Set();
  return new Set(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1)),
  );
}
