/** `virga build`: what `sam build` makes, without deploying it: a template and code that AWS's own tools can package and deploy. */
import { cp, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, extname, join, relative, resolve } from "node:path";
import { isMap } from "yaml";
import { EXIT_USAGE, Failure } from "./failure.ts";
import { cyan, dim, green, printJson, say, table } from "./terminal.ts";
import { createBuilder, stopCompiler } from "./up/build.ts";
import { type LocalCode, localCode } from "./up/code.ts";
import { localImages } from "./up/images.ts";
import { enableSourceMaps, isArchive } from "./up/project.ts";
import { findTemplate, readTemplate, renderTemplate } from "./up/template.ts";

export interface BuildOptions {
  readonly out?: string;
  readonly json?: boolean;
}

const OUT = join(".virga", "build");
/** Says that a folder may be emptied. */
const MARK = ".virga-build";

/** @throws Failure when something cannot be built; then the folder holds what was built last */
export async function build(folder: string, options: BuildOptions): Promise<void> {
  const template = readTemplate(findTemplate(folder));
  const out = resolve(options.out ?? join(template.directory, OUT));
  await refuseToOverwrite(out, template.directory);
  const code = localCode(template);
  const builder = createBuilder(join(template.directory, ".virga", "builds", ".once"));
  try {
    const builds = await Promise.all(code.map(async (item) => ({ item, built: await builder.build(item) })));
    await rm(out, { recursive: true, force: true });
    await mkdir(out, { recursive: true });
    await writeFile(join(out, MARK), "Written by `virga build`, and emptied at the next one.\n");
    for (const { item, built } of builds) {
      const name = isArchive(built) ? item.logicalId + extname(built.path) : item.logicalId;
      await cp(built.path, join(out, name), { recursive: true, verbatimSymlinks: true });
      item.resource.node.setIn(item.property, name);
      if (item.esbuild) forgetBuild(item);
      if (item.esbuild?.sourcemap) enableSourceMaps(template, item);
    }
    // Images are built by `virga up` or `docker build`; their folders stay where they are.
    for (const { resource, folder } of localImages(template))
      resource.node.setIn(["Metadata", "DockerContext"], relative(out, folder));
    const path = join(out, "template.yaml");
    await writeFile(path, renderTemplate(template));
    if (options.json) printJson({ template: path, code: builds.map(({ item }) => item.logicalId) });
    else {
      say(
        table(
          builds.map(({ item }) => [`${green("✔")} ${item.logicalId}`, dim(item.esbuild ? "esbuild" : "as it is")]),
        ),
      );
      const below = relative(process.cwd(), path);
      const shown = below.startsWith("..") ? path : below;
      say(`\n${cyan(shown)}\n`);
      say(
        `aws cloudformation package --template-file ${shown} --s3-bucket BUCKET --output-template-file packaged.yaml`,
      );
      say(
        `aws cloudformation deploy --template-file packaged.yaml --stack-name ${basename(dirname(template.path))} --capabilities CAPABILITY_IAM`,
      );
    }
  } finally {
    await builder.close();
    await stopCompiler();
    await rm(join(template.directory, ".virga", "builds", ".once"), { recursive: true, force: true });
  }
}

/** @throws Failure when the folder holds anything but an earlier build */
async function refuseToOverwrite(out: string, sources: string): Promise<void> {
  const inside = !relative(out, sources).startsWith("..");
  const names: string[] = await readdir(out).catch(() => []);
  if (!inside && (names.length === 0 || names.includes(MARK))) return;
  throw new Failure(
    inside ? `${out} holds the sources.` : `${out} holds something that is not a build.`,
    "Choose another folder with --out.",
    EXIT_USAGE,
  );
}

/** What was built needs no building: `sam` would try it again. */
function forgetBuild({ resource: { node } }: LocalCode): void {
  for (const name of ["BuildMethod", "BuildProperties"]) node.deleteIn(["Metadata", name]);
  const metadata = node.get("Metadata");
  if (isMap(metadata) && metadata.items.length === 0) node.delete("Metadata");
}
