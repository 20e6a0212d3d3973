/**
 * What a worker sees at /var/task and /opt. A worker that is started for its function has the package mounted; one that was started beforehand
 * has an empty folder mounted, which is filled with hard links to the package's files once the function is known: no copy, no mount, no rights
 * needed. Layers are merged the same way, once for each list of layers.
 */
import { createHash } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";

/** Larger packages are mounted into a worker of their own: linking them would take longer than starting one. */
const LINKED_ENTRIES_MAX = 300;

interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly links: readonly (readonly [path: string, target: string])[];
}

export interface Views {
  /** Fills an empty folder with the package; false when the package is too large or lies where it cannot be linked, and then nothing is left. */
  fill(folder: string, packageFolder: string): boolean;
  /** A folder with all layers, later ones over earlier ones; undefined without layers. */
  merge(layerFolders: readonly string[]): string | undefined;
}

/** @param directory where merged layers are kept; must be on the packages' file system */
export function createViews(directory: string): Views {
  mkdirSync(directory, { recursive: true });
  const listings = new Map<string, Listing | "unsuitable">();
  return {
    fill(folder, packageFolder) {
      let listing = listings.get(packageFolder);
      if (listing === undefined) {
        listing = list(packageFolder, LINKED_ENTRIES_MAX) ?? "unsuitable";
        listings.set(packageFolder, listing);
      }
      if (listing === "unsuitable") return false;
      try {
        link(listing, packageFolder, folder);
        return true;
      } catch {
        // Another file system, too many links to one file, a file that is not ours: mounted instead.
        for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true, force: true });
        listings.set(packageFolder, "unsuitable");
        return false;
      }
    },
    merge(layerFolders) {
      if (layerFolders.length === 0) return undefined;
      if (layerFolders.length === 1) return layerFolders[0];
      const name = createHash("sha256").update(layerFolders.join("\0")).digest("hex");
      const merged = join(directory, name);
      if (existsSync(merged)) return merged;
      const unfinished = `${merged}.unfinished`;
      rmSync(unfinished, { recursive: true, force: true });
      mkdirSync(unfinished);
      for (const layer of layerFolders) link(list(layer, Number.POSITIVE_INFINITY)!, layer, unfinished, true);
      renameSync(unfinished, merged);
      return merged;
    },
  };
}

function list(root: string, entriesMax: number): Listing | undefined {
  const folders: string[] = [];
  const files: string[] = [];
  const links: [string, string][] = [];
  const pending = [""];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        folders.push(path);
        pending.push(path);
      } else if (entry.isSymbolicLink()) links.push([path, readlinkSync(join(root, path))]);
      else files.push(path);
      if (folders.length + files.length + links.length > entriesMax) return undefined;
    }
  }
  return { folders, files, links };
}

function link(listing: Listing, from: string, to: string, over = false): void {
  for (const folder of listing.folders) mkdirSync(join(to, folder), { recursive: over, mode: 0o755 });
  for (const file of listing.files) {
    if (over) rmSync(join(to, file), { recursive: true, force: true });
    linkSync(join(from, file), join(to, file));
  }
  for (const [path, target] of listing.links) {
    if (over) rmSync(join(to, path), { recursive: true, force: true });
    symlinkSync(target, join(to, path));
  }
}
