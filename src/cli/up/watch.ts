/** Notices changes under folders: one watcher per folder, without those that hold no sources. New folders are watched as they appear. */
import { type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";
import { IGNORED } from "./build.ts";

/** Editors write a file in several steps; what happens within this time is one change. */
const QUIET_MS = 40;
const FOLDERS_MAX = 10_000;
const SKIPPED = new Set([...IGNORED, "node_modules", "__pycache__", ".venv", "test-results"]);

export interface Watcher {
  /** Watches these folders too. */
  add(folders: readonly string[]): void;
  close(): void;
}

/** @param changed is called with the absolute paths that changed, never while nothing did */
export function watchFolders(folders: readonly string[], changed: (paths: readonly string[]) => void): Watcher {
  const watchers = new Map<string, FSWatcher>();
  const pending = new Set<string>();
  let timer: NodeJS.Timeout | undefined;

  const note = (path: string) => {
    pending.add(path);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const paths = [...pending];
      pending.clear();
      changed(paths);
    }, QUIET_MS);
  };

  const add = (folder: string): void => {
    if (watchers.has(folder) || watchers.size >= FOLDERS_MAX) return;
    let watcher: FSWatcher;
    try {
      watcher = watch(folder, (_event, name) => {
        if (name === null || SKIPPED.has(name)) return;
        const path = join(folder, name);
        // A new folder may have got its files before it could be watched.
        if (isFolder(path)) add(path);
        else {
          watchers.get(path)?.close();
          watchers.delete(path);
        }
        note(path);
      });
    } catch {
      // Gone again, or the system's limit of watches is reached.
      return;
    }
    watcher.on("error", () => {
      watcher.close();
      watchers.delete(folder);
    });
    watchers.set(folder, watcher);
    for (const entry of foldersIn(folder)) add(join(folder, entry));
  };

  for (const folder of folders) add(folder);
  return {
    add(more) {
      for (const folder of more) add(folder);
    },
    close() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !SKIPPED.has(entry.name))
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}
