/** The rules of the house that neither the compiler nor the linter knows. Each looks at one file and tells what is wrong with it. */
import { posix } from "node:path";
import { codeOnly, importsOf, lineAt } from "./source.ts";

export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Which of `src`'s folders a folder may import besides itself; see ARCHITECTURE.md. Absent: everything. */
const LAYERS: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  storage: ["kernel"],
  wire: ["kernel"],
  services: ["kernel", "storage", "metering"],
  functions: ["kernel"],
  containers: ["kernel"],
  metering: ["kernel", "storage"],
  cli: ["kernel", "platform", "functions", "metering"],
};

/** Files of the contract that services share; everything else in `services/` is one service's own. A folder here is a library without a service. */
const SHARED_BY_SERVICES = /^src\/services\/(?:[a-z-]+\.ts|[a-z]+-common\/.*)$/;
const LINES_MAX = 600;

const isTest = (file: string) => /\.test\.ts$|(^|\/)testing\//.test(file) || /(^|\/)testing\.ts$/.test(file);

/** Layers: who may import whom. */
export function layers(file: string, source: string): Problem[] {
  if (file.startsWith("console/")) return consoleAlone(file, source);
  const match = /^src\/([a-z]+)\//.exec(file);
  if (!match) return [];
  const layer = match[1]!;
  const allowed = LAYERS[layer];
  const problems: Problem[] = [];
  for (const { specifier, line, typeOnly } of importsOf(source)) {
    if (!specifier.startsWith(".")) {
      if (specifier.startsWith("@aws-sdk/") && layer !== "cli" && !typeOnly && !isTest(file)) {
        problems.push({
          file,
          line,
          message: `imports ${specifier} as a value; the SDK is a source of types here (shapes come from tools/generate)`,
        });
      }
      continue;
    }
    const target = posix.normalize(posix.join(posix.dirname(file), specifier));
    const targetLayer = /^src\/([a-z]+)\//.exec(target)?.[1];
    if (targetLayer === undefined) {
      if (!isTest(file) && !target.startsWith("generated/") && target !== "package.json")
        problems.push({ file, line, message: `imports ${target}, which lies outside src` });
      continue;
    }
    if (isTest(file)) continue;
    if (targetLayer !== layer && allowed && !allowed.includes(targetLayer)) {
      problems.push({
        file,
        line,
        message: `src/${layer} may import ${allowed.length ? allowed.join(", ") : "nothing"} alone, not ${target}`,
      });
    }
    if (layer === "services" && targetLayer === "services") {
      const own = /^src\/services\/([a-z0-9-]+)\//.exec(file)?.[1];
      const other = /^src\/services\/([a-z0-9-]+)\//.exec(target)?.[1];
      if (other !== undefined && other !== own && !SHARED_BY_SERVICES.test(target)) {
        problems.push({
          file,
          line,
          message: `a service imports no other: reach ${other} through context.call or flow.call`,
        });
      }
    }
  }
  return problems;
}

/** The console runs in a browser and knows the platform by its public APIs: nothing of `src` is in it. */
function consoleAlone(file: string, source: string): Problem[] {
  return importsOf(source)
    .filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier, line }) => ({ line, target: posix.normalize(posix.join(posix.dirname(file), specifier)) }))
    .filter(({ target }) => !target.startsWith("console/"))
    .map(({ line, target }) => ({ file, line, message: `the console imports nothing from outside, not ${target}` }));
}

/** Ambient time, chance and environment. Bare `new Date()` reads the clock; `new Date(ms)` does not. */
const AMBIENT: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b/g, "Date.now: use context.nowMs or flow.clock"],
  [/\bnew Date\s*\(\s*\)/g, "new Date(): use context.nowMs or flow.clock"],
  [/\bperformance\.now\b/g, "performance.now: use clock.monotonicMs"],
  [/\bprocess\.hrtime\b/g, "process.hrtime: use clock.monotonicMs"],
  [/(?<![.\w])(?:setTimeout|setInterval)\s*\(/g, "a timer: use clock.at, or an event with a due time"],
  [/\bMath\.random\b/g, "Math.random: use context.random"],
  [
    /\b(?:randomUUID|randomBytes|randomInt|randomFillSync|getRandomValues)\b/g,
    "the machine's chance: use context.random",
  ],
  [/\bprocess\.env\b/g, "process.env: settings are handed in"],
];

/** The adapters and edges where the machine itself is touched. */
const EDGES = /^src\/(?:cli|platform)\/|^src\/kernel\/(?:clock|random)\.ts$/;
/** Real processes live here: their environment and handshakes are the machine's own. Bootstraps run inside the sandbox, not in Virga. */
const BOOTSTRAPS = /^src\/functions\/bootstraps?\//;

export function ambient(file: string, source: string): Problem[] {
  if (!file.startsWith("src/") || EDGES.test(file) || BOOTSTRAPS.test(file) || isTest(file)) return [];
  const code = codeOnly(source);
  const problems: Problem[] = [];
  for (const [pattern, message] of AMBIENT) {
    for (const match of code.matchAll(pattern)) {
      // An import of a name is judged where it is used.
      problems.push({ file, line: lineAt(source, match.index), message });
    }
  }
  return problems;
}

/** Marks of unfinished work, and files that have outgrown their room. */
export function finished(file: string, source: string): Problem[] {
  const problems: Problem[] = [];
  for (const match of source.matchAll(/\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b/g)) {
    problems.push({ file, line: lineAt(source, match.index), message: `${match[0]}: finish it, or open an issue` });
  }
  const lines = source.split("\n").length;
  if (lines > LINES_MAX && /^(?:src|tools|console)\/.*\.tsx?$/.test(file) && !isTest(file)) {
    problems.push({ file, line: lines, message: `${lines} lines; past ${LINES_MAX} a noun becomes a folder` });
  }
  return problems;
}

/** What binds the tree to one machine. */
export function portable(file: string, source: string): Problem[] {
  const problems: Problem[] = [];
  const patterns: readonly (readonly [RegExp, string])[] = [
    [/"resolved": "https?:[^"]*"/g, "names a registry; npm finds it by name"],
    [/(?<![\w.$}-])\/(?:home|Users|work)\/[a-z][\w.-]*\//g, "a path that exists on one machine alone"],
    [/\bregistry\s*=\s*https?:/g, "names a registry"],
  ];
  for (const [pattern, message] of patterns) {
    const match = pattern.exec(source);
    if (match) problems.push({ file, line: lineAt(source, match.index), message: `${match[0]}: ${message}` });
  }
  return problems;
}

/** Source files begin by saying what lives in them. */
export function introduced(file: string, source: string): Problem[] {
  if (!/^(?:src|tools|bench|console)\/.*\.tsx?$/.test(file) || isTest(file)) return [];
  const start = source.replace(/^#!.*\n/, "");
  return start.startsWith("/**") || start.startsWith("//")
    ? []
    : [{ file, line: 1, message: "begins without a comment that says what lives here" }];
}
