/** This package as it lies on disk: its version, and the files that are not code. From source and from the bundle alike. */
import { readFileSync } from "node:fs";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(import.meta.url);

/** The folder of Virga's package.json. */
const root = (() => {
  for (let folder = dirname(here); ; folder = dirname(folder)) {
    if (manifest(folder)?.name === "virga") return folder;
    if (folder === dirname(folder)) throw new Error("The package.json of Virga is missing");
  }
})();

export const version = (): string => manifest(root)!.version;

/** As in package.json's engines. */
export const NODE_MINIMUM = [22, 18] as const;

/** @param running as in process.versions.node */
export function runsOn(running: string): boolean {
  const [major = 0, minor = 0] = running.split(".").map(Number);
  return major > NODE_MINIMUM[0] || (major === NODE_MINIMUM[0] && minor >= NODE_MINIMUM[1]);
}

/** Where each kind of file lies in the repository; tools/bundle.ts puts it into dist under its own name. */
const ASSETS = {
  shapes: ["generated", "shapes"],
  runtimes: ["generated", "runtimes"],
  console: ["generated", "console"],
  bootstraps: ["src", "functions", "runtimes"],
} as const;

/** The folder with the generated shapes, the runtimes' libraries, the console, or the runtimes' bootstraps. */
export function assetDirectory(name: keyof typeof ASSETS): string {
  const bundled = here.startsWith(join(root, "dist") + sep);
  return bundled ? join(root, "dist", name) : join(root, ...ASSETS[name]);
}

function manifest(folder: string): { readonly name: string; readonly version: string } | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}
