/**
 * Which program of this machine runs which Lambda runtime. Nothing is searched before somebody asks for the runtime, and each answer is kept.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { findDotnet } from "./find-dotnet.ts";
import { findJava } from "./find-java.ts";
import { findRuby } from "./find-ruby.ts";
import { expand, onPath, outsideUsr, type Runtime, real, type Unavailable, versionOf } from "./search.ts";

const NODE_PLACES = [
  "/usr/local/bin/node",
  "/usr/bin/node",
  "/opt/homebrew/bin/node",
  "/opt/homebrew/opt/node@*/bin/node",
  "/opt/node*/bin/node",
  "~/.nvm/versions/node/*/bin/node",
  "~/.local/share/fnm/node-versions/*/installation/bin/node",
  "~/.volta/tools/image/node/*/bin/node",
  "~/.asdf/installs/nodejs/*/bin/node",
  "~/.local/share/mise/installs/node/*/bin/node",
];
const PYTHON_PLACES = [
  "/usr/local/bin/python$",
  "/usr/bin/python$",
  "/opt/homebrew/bin/python$",
  "~/.pyenv/versions/$*/bin/python$",
  "~/.local/share/uv/python/cpython-$*/bin/python$",
  "~/.asdf/installs/python/$*/bin/python$",
  "~/.local/share/mise/installs/python/$*/bin/python$",
  "/opt/python*/bin/python$",
];

/**
 * @param configured programs by runtime name, which go before whatever is found
 * @param path folders to look in first, as PATH has them
 */
export function createRuntimes(
  configured: Readonly<Record<string, string>>,
  path: string,
): {
  find(name: string): Runtime | Unavailable;
} {
  const known = new Map<string, Runtime | Unavailable>();
  return {
    find(name) {
      let answer = known.get(name);
      if (answer === undefined) {
        answer = search(name, configured[name], path);
        known.set(name, answer);
      }
      return answer;
    },
  };
}

function search(name: string, configured: string | undefined, path: string): Runtime | Unavailable {
  const node = /^nodejs(\d+)\.x$/.exec(name);
  if (node) return findNode(name, Number(node[1]), configured, path);
  const python = /^python(3\.\d+)$/.exec(name);
  if (python) return findPython(name, python[1]!, configured, path);
  if (/^provided(?:\.al2|\.al2023)?$/.test(name)) {
    if (process.platform !== "linux")
      return { remedy: "Programs built for Amazon Linux run on Linux only: run Virga on Linux." };
    return {
      name,
      family: "provided",
      program: "",
      folders: [],
      how: "the package's own bootstrap, with this machine's libraries",
    };
  }
  const ruby = /^ruby(\d+\.\d+)$/.exec(name);
  if (ruby) return findRuby(name, ruby[1]!, configured, path);
  const java = /^java(\d+)(?:\.al2|\.al2023)?$/.exec(name);
  if (java) return findJava(name, Number(java[1]), configured, path);
  const dotnet = /^dotnet(\d+)$/.exec(name);
  if (dotnet) return findDotnet(name, Number(dotnet[1]), configured, path);
  return { remedy: `Virga runs nodejs*, python3.*, ruby*, java*, dotnet* and provided.*, not ${name}.` };
}

function findNode(name: string, wanted: number, configured: string | undefined, path: string): Runtime | Unavailable {
  const seen = new Map<string, { version: string; major: number }>();
  const consider = (file: string): boolean => {
    const program = real(file);
    if (program === undefined || seen.has(program)) return false;
    const version = program === real(process.execPath) ? process.version : versionOf(program, ["--version"]);
    const major = Number(/^v(\d+)\./.exec(version)?.[1] ?? Number.NaN);
    if (Number.isNaN(major)) return false;
    seen.set(program, { version, major });
    return major === wanted;
  };
  const found = (program: string, deviation?: string): Runtime => ({
    name,
    family: "nodejs",
    program,
    folders: [],
    how: `Node.js ${seen.get(program)!.version} (${program})`,
    ...(deviation !== undefined && { deviation }),
  });
  if (configured !== undefined) {
    const program = real(configured);
    if (program === undefined || (!consider(configured) && !seen.has(program)))
      return { remedy: `${configured}, configured for ${name}, is no Node.js program.` };
    const { major, version } = seen.get(program)!;
    return found(program, major === wanted ? undefined : `${name} runs on Node.js ${version}, as configured`);
  }
  // A version in the path saves asking the program itself.
  const places = [process.execPath, ...onPath(path, "node"), ...expand(NODE_PLACES)];
  const named = places.filter((place) => new RegExp(`[/v@-]${wanted}(?:\\.\\d+|/)`).test(place));
  for (const place of [process.execPath, ...named, ...places]) if (consider(place)) return found(real(place)!);
  const newer = [...seen].filter(([, { major }]) => major > wanted).sort(([, a], [, b]) => a.major - b.major)[0];
  const remedy = `Install Node.js ${wanted}: nvm install ${wanted}.`;
  if (newer === undefined) return { remedy };
  return found(
    newer[0],
    `${name} runs on Node.js ${newer[1].version}: this machine lacks Node.js ${wanted}. ${remedy}`,
  );
}

function findPython(name: string, wanted: string, configured: string | undefined, path: string): Runtime | Unavailable {
  const remedy = `Install Python ${wanted}: uv python install ${wanted}, pyenv install ${wanted}, or your distribution's python${wanted}.`;
  const places =
    configured === undefined
      ? [...onPath(path, `python${wanted}`), ...expand(PYTHON_PLACES.map((place) => place.replaceAll("$", wanted)))]
      : [configured];
  let found: Runtime | undefined;
  for (const place of places) {
    // A shim chooses its version by the folder it is called in.
    if (place.includes("/shims/") || !existsSync(place)) continue;
    const facts = describePython(place);
    if (facts === undefined || facts.version.split(".").slice(0, 2).join(".") !== wanted) continue;
    const runtime: Runtime = {
      name,
      family: "python",
      program: facts.executable,
      folders: outsideUsr([facts.basePrefix, facts.prefix, dirname(dirname(facts.executable))]),
      how: `Python ${facts.version} (${facts.executable})${facts.boto3 ? `, boto3 ${facts.boto3}` : ", without boto3"}`,
      ...(facts.boto3 === "" && { deviation: `${name} has no boto3: ${facts.executable} -m pip install boto3` }),
    };
    // Functions expect boto3: an interpreter that has it goes before one that was found earlier.
    if (facts.boto3 !== "") return runtime;
    found ??= runtime;
  }
  return (
    found ??
    (configured === undefined
      ? { remedy }
      : { remedy: `${configured}, configured for ${name}, is no Python ${wanted}.` })
  );
}

interface PythonFacts {
  readonly version: string;
  readonly executable: string;
  readonly prefix: string;
  readonly basePrefix: string;
  /** Empty when it is not installed. */
  readonly boto3: string;
}

function describePython(program: string): PythonFacts | undefined {
  const script = [
    "import json, os, platform, sys",
    "from importlib import metadata, util",
    "boto3 = metadata.version('boto3') if util.find_spec('boto3') else ''",
    "print(json.dumps({'version': platform.python_version(), 'executable': os.path.realpath(sys.executable) if sys.prefix == sys.base_prefix else sys.executable, 'prefix': sys.prefix, 'basePrefix': sys.base_prefix, 'boto3': boto3}))",
  ].join("\n");
  const result = spawnSync(program, ["-c", script], { encoding: "utf8", timeout: 10_000 });
  if (result.status !== 0) return undefined;
  return JSON.parse(result.stdout) as PythonFacts;
}
