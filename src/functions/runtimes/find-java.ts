/** Finds the Java of a `java*` runtime, and compiles the bootstrap for it: class files are made where they run, by the compiler that belongs there. */
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expand, onPath, outsideUsr, type Runtime, real, type Unavailable } from "./search.ts";

const JAVA_HOMES = [
  "/usr/lib/jvm/*",
  "/usr/java/*",
  "/opt/java/*",
  "/opt/homebrew/opt/openjdk@$",
  "/opt/homebrew/opt/openjdk",
  "/Library/Java/JavaVirtualMachines/*/Contents/Home",
  "~/.sdkman/candidates/java/*",
  "~/.jdks/*",
  "~/.asdf/installs/java/*",
  "~/.local/share/mise/installs/java/*",
];

/** Exactly the version asked for goes before the next newer one: Java runs what was compiled for an older one. */
export function findJava(
  name: string,
  wanted: number,
  configured: string | undefined,
  path: string,
): Runtime | Unavailable {
  const remedy = `Install a JDK ${wanted} (with javac): your distribution's openjdk-${wanted}-jdk-headless, or sdk install java ${wanted}-tem.`;
  const programs =
    configured === undefined
      ? [
          ...onPath(path, "java"),
          ...expand(JAVA_HOMES.map((home) => `${home.replaceAll("$", String(wanted))}/bin/java`)),
        ]
      : [configured];
  const found = new Map<string, number>();
  for (const place of programs) {
    const program = real(place);
    if (program === undefined || found.has(program)) continue;
    const major = versionOf(program);
    if (major === undefined || !existsSync(join(dirname(program), "javac"))) continue;
    found.set(program, major);
    if (major === wanted) break;
  }
  const [best] = [...found]
    .filter(([, major]) => configured !== undefined || major >= wanted)
    .sort(([, a], [, b]) => a - b);
  if (best === undefined)
    return {
      remedy:
        configured === undefined ? remedy : `${configured}, configured for ${name}, is no java with javac beside it.`,
    };
  const [program, major] = best;
  const home = dirname(dirname(program));
  return {
    name,
    family: "java",
    program,
    // Debian keeps a Java's configuration, and the certificates it trusts, below /etc.
    folders: [...outsideUsr([home]), ...globSync([`/etc/java-${major}-*`, "/etc/.java"])],
    version: String(major),
    how: `Java ${major} (${home})`,
    ...(major !== wanted && {
      deviation: `${name} runs on Java ${major}${configured === undefined ? `: this machine lacks Java ${wanted}. ${remedy}` : ", as configured"}`,
    }),
  };
}

/** `release` beside the program says it without starting a virtual machine. */
function versionOf(program: string): number | undefined {
  let version: string | undefined;
  try {
    version = /^JAVA_VERSION="(.+?)"/m.exec(readFileSync(join(dirname(dirname(program)), "release"), "utf8"))?.[1];
  } catch {
    version = /version "(.+?)"/.exec(
      spawnSync(program, ["-version"], { encoding: "utf8", timeout: 10_000 }).stderr ?? "",
    )?.[1];
  }
  const match = /^(?:1\.)?(\d+)/.exec(version ?? "");
  return match ? Number(match[1]) : undefined;
}

const compiled = new Map<string, Promise<string>>();
const run = promisify(execFile);

/** Where the compiled bootstrap of this Java lies; the same sources are the same folder. */
export function javaClassesFolder(bootstraps: string, runtime: Runtime): string {
  const hash = createHash("sha256").update(runtime.program);
  for (const file of sourcesOf(bootstraps)) hash.update(readFileSync(file));
  return join(bootstraps, `java-classes-${runtime.version}-${hash.digest("hex").slice(0, 16)}`);
}

/** Compiles the bootstrap unless that has been done: a second, once for each Java. */
export function compileJava(bootstraps: string, runtime: Runtime): Promise<string> {
  const folder = javaClassesFolder(bootstraps, runtime);
  let work = compiled.get(folder);
  if (work === undefined || !existsSync(folder)) {
    work = existsSync(folder) ? Promise.resolve(folder) : compile(folder, bootstraps, runtime);
    compiled.set(folder, work);
    work.catch(() => compiled.delete(folder));
  }
  return work;
}

async function compile(folder: string, bootstraps: string, runtime: Runtime): Promise<string> {
  const unfinished = `${folder}.${process.pid}`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o755 });
  const javac = join(dirname(runtime.program), "javac");
  await run(javac, ["-nowarn", "-encoding", "UTF-8", "-d", unfinished, ...sourcesOf(bootstraps)]);
  await run("/bin/chmod", ["-R", "a+rX", unfinished]);
  renameSync(unfinished, folder);
  return folder;
}

const sourcesOf = (bootstraps: string): string[] => globSync(join(bootstraps, "java", "*.java")).sort();
