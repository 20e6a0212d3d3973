/**
 * Builds the console.
 *
 *     node tools/console.ts      into generated/console, for running from source
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "vite";

const root = new URL("../", import.meta.url).pathname;

/** @returns the files that went into it */
export async function buildConsole(outDir: string): Promise<readonly string[]> {
  const result = await build({
    root: join(root, "console"),
    configFile: false,
    // Wherever it is served from.
    base: "./",
    publicDir: false,
    logLevel: "error",
    oxc: { jsx: { runtime: "automatic" } },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      // An inlined file would be a data: URL, which the page's policy does not allow for scripts and styles.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      reportCompressedSize: false,
    },
  });
  const outputs = Array.isArray(result) ? result : [result];
  return outputs.flatMap((output) =>
    "output" in output ? output.output.flatMap((chunk) => (chunk.type === "chunk" ? chunk.moduleIds : [])) : [],
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await buildConsole(join(root, "generated", "console"));
