/**
 * Makes what `npm pack` ships: the command and the platform as one bundle with chunks that load when they are needed, beside it the console, and the shapes
 * and runtimes that `npm run generate` made. Packages that carry native code stay dependencies; everything else is inside, with its licence
 * in `dist/LICENSES.txt`.
 *
 *     node tools/bundle.ts
 */
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import { buildConsole } from "./console.ts";

const root = new URL("../", import.meta.url).pathname;
const dist = join(root, "dist");

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));

/** What is not code, and where the package keeps it. */
const ASSETS: readonly (readonly [from: string, to: string])[] = [
  ["generated/shapes", "shapes"],
  ["generated/runtimes", "runtimes"],
  ["src/functions/runtimes", "bootstraps"],
];
const ASSET = /\.(?:json|cjs|mjs|js|py|rb|java|wasm)$/;

/**
 * What packages load for things that Virga does not do with them: `dockerode` reaches engines over SSH (native code) and BuildKit's sessions
 * (gRPC). Whoever calls them meets an empty object.
 */
const LEFT_OUT = /^(?:ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs)$/;

const leaveOut: Plugin = {
  name: "leave-out",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: LEFT_OUT }, ({ path }) => ({ path, namespace: "left-out" }));
    onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

async function main(): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { virga: "src/cli/main.ts" },
    outdir: "dist",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    metafile: true,
    platform: "node",
    format: "esm",
    target: "node22.18",
    mainFields: ["module", "main"],
    external: Object.keys(manifest(root).dependencies),
    plugins: [leaveOut],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    // CommonJS packages inside an ES module ask for Node's own modules by require.
    banner: {
      js: 'import{createRequire as virgaRequire}from"node:module";const require=virgaRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
  chmodSync(join(dist, "virga.js"), 0o755);
  for (const [from, to] of ASSETS) {
    if (!existsSync(join(root, from))) continue;
    cpSync(join(root, from), join(dist, to), {
      recursive: true,
      filter: (path) => !/\.test\.[a-z]+$/.test(path) && (ASSET.test(path) || !/\.[a-z]+$/.test(path)),
    });
  }
  if (!existsSync(join(dist, "shapes", "index.json"))) throw new Error("generated/shapes is missing: npm run generate");
  const consoleModules = await buildConsole(join(dist, "console"));
  writeFileSync(join(dist, "LICENSES.txt"), licences([...Object.keys(metafile.inputs), ...consoleModules]));
  const bytes = Object.values(metafile.outputs).reduce((sum, output) => sum + output.bytes, 0);
  console.log(
    `${Object.keys(metafile.outputs).length} files, ${(bytes / 1024 / 1024).toFixed(1)} MiB of code in dist/`,
  );
}

/** The licence of every package whose code is in the bundle. */
function licences(modules: readonly string[]): string {
  const folders = new Set<string>();
  for (const module of modules) {
    const at = module.lastIndexOf("node_modules/");
    const match = at < 0 ? null : /^(?:@[^/]+\/)?[^/]+/.exec(module.slice(at + "node_modules/".length));
    if (match) folders.add(resolve(root, module.slice(0, at), "node_modules", match[0]));
  }
  const entries = [...folders].map((folder) => {
    const { name, version, license } = manifest(folder);
    const file = readdirSync(folder).find((candidate) => /^licen[cs]e/i.test(candidate));
    const text = file
      ? readFileSync(join(folder, file), "utf8").trim()
      : `Licensed under ${license ?? "unknown terms"}.`;
    return { title: `${name} ${version} (${license ?? "see below"})`, text };
  });
  // Many packages share one text.
  const byText = Map.groupBy(entries, ({ text }) => text);
  const sections = [...byText].map(
    ([text, same]) =>
      `${same
        .map(({ title }) => title)
        .sort()
        .join("\n")}\n\n${text}\n`,
  );
  return `Virga contains code of these packages.\n\n${sections.sort().join(`\n${"-".repeat(80)}\n\n`)}`;
}

await main();
