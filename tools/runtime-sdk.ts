/**
 * Makes `generated/runtimes/nodejs/node_modules/@aws-sdk/*`: what AWS's Node.js runtimes carry, so that a function which bundles nothing finds it.
 * One bundle for all packages, in chunks that they share, as CommonJS whose named exports ES modules see: `require` and `import` both work, and
 * loading a client reads a handful of files instead of several hundred.
 *
 *     node tools/runtime-sdk.ts
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { build, transform } from "esbuild";

const root = new URL("../", import.meta.url).pathname;
const target = join(root, "generated/runtimes/nodejs/node_modules");

/** Every client that this repository has, and the libraries over them that functions use most. */
function packages(): string[] {
  const { devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    devDependencies: Record<string, string>;
  };
  return Object.keys(devDependencies).filter((name) => name.startsWith("@aws-sdk/") && name !== "@aws-sdk/core");
}

export async function buildRuntimeSdk(): Promise<{ packages: number; bytes: number }> {
  const names = packages();
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(names.map((name) => [`${name}/index`, name])),
    outdir: target,
    chunkNames: "@aws-sdk/chunks/[hash]",
    bundle: true,
    splitting: true,
    write: false,
    platform: "node",
    format: "esm",
    target: "node18",
    mainFields: ["module", "main"],
    // Otherwise a package may come in twice, once as it is imported and once as it is required.
    conditions: ["node", "import"],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    logLevel: "warning",
  });
  rmSync(target, { recursive: true, force: true });
  let bytes = 0;
  for (const file of outputFiles) {
    const { code } = await transform(file.text, {
      format: "cjs",
      platform: "node",
      target: "node18",
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: "none",
    });
    mkdirSync(dirname(file.path), { recursive: true });
    writeFileSync(file.path, code);
    bytes += code.length;
  }
  for (const name of names) {
    const { version, license } = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
    const manifest = { name, version, license, main: "./index.js" };
    writeFileSync(join(target, name, "package.json"), `${JSON.stringify(manifest)}\n`);
  }
  // Chunks carry ".js" in a folder without a manifest of its own.
  writeFileSync(join(target, "@aws-sdk/package.json"), '{"type":"commonjs"}\n');
  return { packages: names.length, bytes };
}

const result = await buildRuntimeSdk();
console.log(
  `${result.packages} SDK packages for Node functions, ${(result.bytes / 1024 / 1024).toFixed(1)} MiB in ${relative(root, target)}`,
);
