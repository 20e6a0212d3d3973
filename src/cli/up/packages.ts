/**
 * The packages that a folder's package.json depends on, copied as they are installed: what `sam build` puts into a layer with the build method
 * `nodejs…`. Native packages come along as they are installed here, for this machine.
 */
import { cp, mkdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Failure } from "../failure.ts";

interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface InstalledPackage {
  /** Where it belongs below the folder: `node_modules/sharp`. */
  readonly place: string;
  /** Where it is installed. */
  readonly directory: string;
  readonly version: string;
}

/** A tree of packages is as deep as this at most: the names of a conflict within a conflict within … */
const DEPTH_MAX = 50;

async function manifestOf(directory: string): Promise<Manifest | undefined> {
  const text = await readFile(join(directory, "package.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as Manifest);
}

/** As Node looks for it: in the `node_modules` of the folder, and of every folder above. */
async function installed(name: string, from: string): Promise<{ directory: string; manifest: Manifest } | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    const directory = join(folder, "node_modules", name);
    const manifest = await manifestOf(directory);
    if (manifest) return { directory, manifest };
    if (dirname(folder) === folder) return undefined;
  }
}

/**
 * What has to be there at run time: dependencies, theirs, and of the optional ones those that are installed. Two versions of one package lie
 * where npm would put them: the first on top, the other below whoever needs it.
 * @throws Failure naming a package that is not installed
 */
export async function runtimePackages(logicalId: string, folder: string): Promise<InstalledPackage[]> {
  const root = await manifestOf(folder);
  if (!root) {
    throw new Failure(
      `${logicalId}: ${folder} has no package.json.`,
      "A layer with the build method nodejs… is made of what its package.json depends on.",
    );
  }
  const found = new Map<string, InstalledPackage>();
  const visit = async (manifest: Manifest, from: string, place: string, depth: number): Promise<void> => {
    if (depth > DEPTH_MAX)
      throw new Failure(`${logicalId}: the packages of ${folder} depend on one another too deeply.`);
    const optional = Object.keys(manifest.optionalDependencies ?? {});
    for (const name of new Set([...Object.keys(manifest.dependencies ?? {}), ...optional])) {
      const known = await installed(name, from);
      if (!known) {
        if (optional.includes(name)) continue;
        throw new Failure(
          `${logicalId} needs the package ${name}, which is not installed.`,
          `npm install --prefix ${folder}`,
        );
      }
      const top = join("node_modules", name);
      const version = known.manifest.version ?? "";
      const there = found.get(top);
      if (there?.version === version) continue;
      const at = there ? join(place, "node_modules", name) : top;
      if (found.get(at)?.version === version) continue;
      found.set(at, { place: at, directory: known.directory, version });
      await visit(known.manifest, known.directory, at, depth + 1);
    }
  };
  await visit(root, folder, "", 0);
  return [...found.values()].sort((a, b) => (a.place < b.place ? -1 : 1));
}

/**
 * Fills a folder with the source's own files and its packages, below `nodejs`, where a layer has them.
 * @param ignored names of files and folders that stay behind
 */
export async function copyPackages(
  source: string,
  packages: readonly InstalledPackage[],
  target: string,
  ignored: ReadonlySet<string>,
): Promise<void> {
  const inner = join(target, "nodejs");
  await cp(source, inner, {
    recursive: true,
    filter: (path) => path === source || !(ignored.has(basename(path)) || basename(path) === "node_modules"),
  });
  for (const { place, directory } of packages) {
    await mkdir(join(inner, place), { recursive: true });
    await cp(directory, join(inner, place), {
      recursive: true,
      dereference: true,
      // What it needs beside itself has a place of its own.
      filter: (path) => path === directory || !path.slice(directory.length).split(/[\\/]/).includes("node_modules"),
    });
  }
}
