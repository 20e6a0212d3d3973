/** Folders of this machine that are a function's code as they are: watched from the first invocation on, so that a change is seen at the next. */
import { type FSWatcher, globSync, type Stats, statSync, watch } from "node:fs";
import { glob, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { Readable } from "node:stream";
import yazl from "yazl";
import type { Folders } from "../services/lambda/ports.ts";

/** Folders watched at once; the one asked for longest ago goes first, and counts as changed when it is asked for again. */
const WATCHED_MAX = 256;

interface Watched {
  changes: number;
  readonly watcher: FSWatcher;
}

/** Files whose state is taken down when a watch begins; in larger folders the rest goes by its times alone. */
const FILES_MAX = 5000;

/**
 * Tells a changed content from a changed inode: a file that is linked into a worker's view of the code is reported as changed too, and is not. A content
 * that changed is another file, or differs in size or time from what was seen of it last.
 */
function contentChanges(path: string): (event: string, name: string | null) => boolean {
  const sinceMs = Date.now();
  const contentOf = ({ mtimeMs, size, ino }: Stats) => `${mtimeMs} ${size} ${ino}`;
  const seen = new Map<string, string>();
  for (const name of globSync("**", { cwd: path })) {
    if (seen.size === FILES_MAX) break;
    const found = statSync(join(path, name), { throwIfNoEntry: false });
    if (found?.isFile()) seen.set(name, contentOf(found));
  }
  return (event, name) => {
    if (event !== "change" || name === null) return true;
    const found = statSync(join(path, name), { throwIfNoEntry: false });
    if (!found?.isFile()) return true;
    const before = seen.get(name);
    const content = contentOf(found);
    seen.set(name, content);
    return before === undefined ? found.mtimeMs >= sinceMs : before !== content;
  };
}

export function createFolders(mayUse: Folders["mayUse"]): Folders & { close(): void } {
  const watched = new Map<string, Watched>();
  let opened = 0;
  const open = (path: string): Watched => {
    const changed = contentChanges(path);
    const entry: Watched = {
      changes: ++opened * 1_000_000,
      watcher: watch(path, { recursive: true, persistent: false }, (event, name) => {
        if (changed(event, name)) entry.changes++;
      }),
    };
    // The folder itself went away: the next question opens it anew, or fails as the worker will.
    entry.watcher.on("error", () => forget(path));
    return entry;
  };
  const forget = (path: string) => {
    watched.get(path)?.watcher.close();
    watched.delete(path);
  };
  return {
    mayUse,
    isFolder: (path) =>
      stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      ),
    revision(path) {
      let entry = watched.get(path);
      try {
        entry ??= open(path);
      } catch {
        // The folder is gone. The worker will say so.
        return "gone";
      }
      watched.delete(path);
      watched.set(path, entry);
      for (const oldest of watched.keys()) {
        if (watched.size <= WATCHED_MAX) break;
        forget(oldest);
      }
      return String(entry.changes);
    },
    async zip(path) {
      const archive = new yazl.ZipFile();
      for await (const entry of glob("**", { cwd: path, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const file = join(entry.parentPath, entry.name);
        archive.addFile(file, relative(path, file));
      }
      archive.end();
      return Readable.from(archive.outputStream);
    },
    close() {
      for (const path of [...watched.keys()]) forget(path);
    },
  };
}
