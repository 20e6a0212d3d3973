/**
 * What a worker sees at /var/task and /opt. A worker that is started for its function has the package mounted; one that was started beforehand
 * has an empty folder mounted, which is filled with hard links to the package's files once the function is known: no copy, no mount, no rights
 * needed. Layers are merged the same way, once for each list of layers.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";

/** Larger packages are mounted into a worker of their own: linking them would take longer than starting one. */
const LINKED_ENTRIES_MAX = 300;

interface Listing {
  readonly folders: readonly string[];
  readonly files: readonly string[];
  readonly links: readonly (readonly [path: string, target: string])[];
}

export interface Views {
  /**
   * Fills an empty folder with the package; false when the package is too large or lies where it cannot be linked, and then nothing is left.
   * @param revision changes when something in the package's folder has: it may be somebody's working copy
   */
  fill(folder: string, packageFolder: string, revision: string): boolean;
  /** A folder with all layers, later ones over earlier ones; undefined without layers. */
  merge(layerFolders: readonly string[]): string | undefined;
}

/** @param directory where merged layers are kept; must be on the packages' file system */
export function createViews(directory: string): Views {
  mkdirSync(directory, { recursive: true });
  /** The latest of each package; undefined where it is not suitable. */
  const listings = new Map<string, { readonly revision: string; readonly listing: Listing | undefined }>();
  return {
    fill(folder, packageFolder, revision) {
      let known = listings.get(packageFolder);
      if (known?.revision !== revision) {
        known = { revision, listing: list(packageFolder, LINKED_ENTRIES_MAX) };
        listings.set(packageFolder, known);
      }
      const { listing } = known;
      if (listing === undefined) return false;
      try {
        link(listing, packageFolder, folder);
        return true;
      } catch {
        // Another file system, too many links to one file, a file that is not ours: mounted instead.
        for (const entry of readdirSync(folder)) rmSync(join(folder, entry), { recursive: true, force: true });
        listings.set(packageFolder, { revision, listing: undefined });
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
      chmodSync(unfinished, 0o755);
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
  for (const folder of listing.folders) {
    mkdirSync(join(to, folder), { recursive: over });
    chmodSync(join(to, folder), 0o755);
  }
  for (const file of listing.files) {
    if (over) rmSync(join(to, file), { recursive: true, force: true });
    linkSync(join(from, file), join(to, file));
  }
  for (const [path, target] of listing.links) {
    if (over) rmSync(join(to, path), { recursive: true, force: true });
    symlinkSync(target, join(to, path));
  }
}
