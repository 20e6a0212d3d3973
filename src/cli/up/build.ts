/**
 * Makes local code ready to run. What results is named by its content: `.virga/builds/STACK/LOGICAL-ID/HASH`, a folder for functions, which
 * the platform runs in place, and a zip file for what has to be uploaded. The same content is the same name, so an unchanged function is an
 * unchanged template; a running worker never sees its files change.
 */
import { createHash, type Hash } from "node:crypto";
import { cp, mkdir, readdir, readFile, readlink, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import type { BuildContext, BuildResult, Message } from "esbuild";
import { Failure } from "../failure.ts";
import type { EsbuildProperties, LocalCode } from "./code.ts";
import { copyPackages, runtimePackages } from "./packages.ts";

export interface Built {
  /** A folder, or a zip or jar file. */
  readonly path: string;
  /** Lower-case hexadecimal. */
  readonly hash: string;
  /** Files and folders whose change asks for another build; absolute. */
  readonly inputs: readonly string[];
}

/** Never part of a function, never watched. */
export const IGNORED = new Set([".git", ".virga", ".aws-sam", ".DS_Store"]);

export interface Builder {
  /** @throws Failure with the compiler's messages; what was built before remains */
  build(code: LocalCode): Promise<Built>;
  /** Removes older builds of a function, but for those to keep. */
  sweep(logicalId: string, keep: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** @param directory where builds are kept; made when needed */
export function createBuilder(directory: string): Builder {
  const contexts = new Map<string, { readonly key: string; readonly context: BuildContext }>();

  /** A compiler that remembers what it has parsed; another one when the properties have changed. */
  async function contextOf(code: LocalCode, properties: EsbuildProperties): Promise<BuildContext> {
    const key = JSON.stringify([code.source, properties]);
    const known = contexts.get(code.logicalId);
    if (known?.key === key) return known.context;
    await known?.context.dispose();
    const esbuild = await compiler();
    const context = await esbuild.context({
      absWorkingDir: code.source,
      entryPoints: await Promise.all(properties.entryPoints.map((entry) => entryPoint(code, entry))),
      bundle: true,
      platform: "node",
      outdir: join(directory, code.logicalId, "out"),
      write: false,
      metafile: true,
      logLevel: "silent",
      external: [...properties.external],
      target: properties.target.split(","),
      format: properties.format,
      minify: properties.minify,
      sourcemap: properties.sourcemap,
      sourcesContent: properties.sourcesContent,
      mainFields: [...properties.mainFields],
      loader: properties.loader as Record<string, "text">,
      outExtension: properties.outExtension,
      banner: properties.banner,
    });
    contexts.set(code.logicalId, { key, context });
    return context;
  }

  async function bundle(code: LocalCode, properties: EsbuildProperties): Promise<Built> {
    const context = await contextOf(code, properties);
    let result: BuildResult<{ metafile: true; write: false }>;
    try {
      result = (await context.rebuild()) as typeof result;
    } catch (error) {
      const { errors } = error as { errors?: Message[] };
      if (!errors) throw error;
      const { formatMessages } = await compiler();
      const texts = await formatMessages(errors, { kind: "error", color: process.stderr.isTTY === true });
      throw new Failure(`${code.logicalId} could not be built.\n\n${texts.join("").trimEnd()}`, remedyOf(code, errors));
    }
    const outdir = join(directory, code.logicalId, "out");
    const files = result.outputFiles
      .map((file) => ({ name: relative(outdir, file.path), contents: file.contents }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const hash = createHash("sha256");
    for (const { name, contents } of files) frame(hash, name, contents);
    const digest = hash.digest("hex").slice(0, 32);
    const path = await settle(code, digest, async (temporary) => {
      for (const { name, contents } of files) {
        await mkdir(dirname(join(temporary, name)), { recursive: true });
        await writeFile(join(temporary, name), contents);
      }
    });
    const inputs = Object.keys(result.metafile.inputs).map((input) => resolve(code.source, input));
    return { path, hash: digest, inputs: [...inputs, join(code.source, "package.json")] };
  }

  async function copy(code: LocalCode): Promise<Built> {
    const hash = createHash("sha256");
    await hashTree(hash, code.source, "");
    const digest = hash.digest("hex").slice(0, 32);
    const path = await settle(code, digest, (temporary) =>
      cp(code.source, temporary, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => source === code.source || !IGNORED.has(basename(source)),
      }),
    );
    return { path, hash: digest, inputs: [code.source] };
  }

  async function archive(code: LocalCode): Promise<Built> {
    const content = (await stat(code.source)).isDirectory()
      ? await zipFolder(code.source)
      : await readFile(code.source);
    const hash = createHash("sha256").update(content).digest("hex").slice(0, 32);
    const path = `${join(directory, code.logicalId, hash)}.zip`;
    await mkdir(dirname(path), { recursive: true });
    const temporary = `${path}.new`;
    await writeFile(temporary, content);
    await rename(temporary, path);
    return { path, hash, inputs: [code.source] };
  }

  /** Named by its own files and the versions of its packages: packing a native library again takes seconds. */
  async function packLayer(code: LocalCode): Promise<Built> {
    const packages = await runtimePackages(code.logicalId, code.source);
    const sum = createHash("sha256").update(JSON.stringify(packages.map(({ place, version }) => [place, version])));
    await hashTree(sum, code.source, "", new Set([...IGNORED, "node_modules"]));
    const hash = sum.digest("hex").slice(0, 32);
    const path = `${join(directory, code.logicalId, hash)}.zip`;
    const inputs = [code.source];
    if (await exists(path)) return { path, hash, inputs };
    const temporary = join(directory, code.logicalId, `${hash}.new`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await copyPackages(code.source, packages, temporary, IGNORED);
    await writeFile(`${path}.new`, await zipFolder(temporary));
    await rm(temporary, { recursive: true, force: true });
    await rename(`${path}.new`, path);
    return { path, hash, inputs };
  }

  /** Fills a temporary folder and gives it its final name at once; nothing to do when that content is there already. */
  async function settle(code: LocalCode, hash: string, fill: (temporary: string) => Promise<void>): Promise<string> {
    const final = join(directory, code.logicalId, hash);
    if (await exists(final)) return final;
    const temporary = `${final}.new`;
    await rm(temporary, { recursive: true, force: true });
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await rename(temporary, final);
    return final;
  }

  return {
    async build(code) {
      await mkdir(directory, { recursive: true });
      // Builds belong to nobody's repository.
      await writeFile(join(directory, ".gitignore"), "*\n");
      if (code.esbuild) return bundle(code, code.esbuild);
      if (code.packages) return packLayer(code);
      return code.kind === "function" && (await stat(code.source)).isDirectory() ? copy(code) : archive(code);
    },
    async sweep(logicalId, keep) {
      const folder = join(directory, logicalId);
      const names = await readdir(folder).catch(() => []);
      for (const name of names) {
        const path = join(folder, name);
        if (!keep.includes(path)) await rm(path, { recursive: true, force: true });
      }
    },
    async close() {
      for (const { context } of contexts.values()) await context.dispose();
      contexts.clear();
    },
  };
}

let loaded: typeof import("esbuild") | undefined;

async function compiler(): Promise<typeof import("esbuild")> {
  loaded ??= await import("esbuild");
  return loaded;
}

/** Ends the compiler's own process, once every builder is closed. */
export async function stopCompiler(): Promise<void> {
  await loaded?.stop();
}

async function entryPoint(code: LocalCode, entry: string): Promise<string> {
  for (const extension of ["", ".ts", ".js", ".mts", ".mjs", ".tsx", ".jsx"]) {
    const candidate = await stat(join(code.source, entry + extension)).catch(() => undefined);
    if (candidate?.isFile()) return entry + extension;
  }
  throw new Failure(
    `${code.logicalId}: the entry point ${entry} does not exist in ${code.source}.`,
    "Name it in Metadata.BuildProperties.EntryPoints; without that it is the file of the Handler.",
  );
}

function remedyOf(code: LocalCode, errors: readonly Message[]): string {
  const missing = errors.some((error) => /^Could not resolve "[^./]/.test(error.text));
  return missing ? `If a package is missing, install it: npm install --prefix ${code.source}` : "Correct the source.";
}

/** One file's part of a tree's hash: name and content with their lengths, so that no two trees look alike. */
function frame(hash: Hash, name: string, contents: Uint8Array): void {
  hash.update(`${Buffer.byteLength(name)} ${name} ${contents.byteLength} `).update(contents);
}

/** Every file below a folder: names, contents, whether it is executable. */
export async function hashTree(hash: Hash, root: string, path: string, ignored = IGNORED): Promise<void> {
  const entries = await readdir(join(root, path), { withFileTypes: true });
  for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (ignored.has(entry.name)) continue;
    const inner = join(path, entry.name);
    const name = inner.split(sep).join("/");
    if (entry.isDirectory()) await hashTree(hash, root, inner, ignored);
    else if (entry.isSymbolicLink()) frame(hash, `${name}@`, Buffer.from(await readlink(join(root, inner))));
    else if (entry.isFile()) {
      const { mode } = await stat(join(root, inner));
      frame(hash, mode & 0o111 ? `${name}*` : name, await readFile(join(root, inner)));
    }
  }
}

/** A zip of a folder; modes are kept, times are not, so that the same files make the same zip. */
async function zipFolder(root: string): Promise<Buffer> {
  const { ZipFile } = (await import("yazl")).default;
  const zip = new ZipFile();
  const add = async (path: string): Promise<void> => {
    const entries = await readdir(join(root, path), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (IGNORED.has(entry.name)) continue;
      const inner = join(path, entry.name);
      if (entry.isDirectory()) await add(inner);
      else {
        const { mode } = await stat(join(root, inner));
        zip.addBuffer(await readFile(join(root, inner)), inner.split(sep).join("/"), { mtime: new Date(0), mode });
      }
    }
  };
  await add("");
  zip.end();
  const chunks: Buffer[] = [];
  for await (const chunk of zip.outputStream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** Whether a changed path concerns inputs: one of them, or inside one that is a folder. */
export function concerns(inputs: readonly string[], changed: string): boolean {
  return inputs.some((input) => {
    const inside = relative(input, changed);
    return inside === "" || (!inside.startsWith("..") && !isAbsolute(inside));
  });
}
