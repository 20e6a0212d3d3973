/**
 * How a worker's process is started: in which namespaces, as whom, seeing which files. The best level that the machine offers is taken:
 *
 * | level | what keeps functions apart |
 * |---|---|
 * | `own-user` | bubblewrap's namespaces, a user id of its own per worker, system calls filtered, nothing but its own files (needs root) |
 * | `namespaces` | bubblewrap's namespaces with the platform's own user id, system calls filtered, nothing but its own files |
 * | `process` | an ordinary process with resource limits: no wall between functions, nor towards the machine |
 *
 * Nothing of the function's own (code, environment, libraries) is touched by a process that still has rights: its variables are set, and its
 * libraries loaded, only after the user id was dropped.
 */
import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, openSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { PROCESSES_MAX } from "./cgroups.ts";
import { seccompFilter } from "./seccomp.ts";

export type IsolationLevel = "own-user" | "namespaces" | "process";

export interface Isolation {
  readonly level: IsolationLevel;
  /** Why a better level is not available; empty at the best one. */
  readonly shortcomings: readonly { readonly what: string; readonly remedy: string }[];
  readonly filtersSystemCalls: boolean;
  /** The same machine, used no better than this. */
  restrictedTo(level: "namespaces" | "process"): Isolation;
  launch(request: LaunchRequest): Launch;
}

export interface LaunchRequest {
  /** The worker's own user and group id, at level `own-user`. */
  readonly uid: number;
  /** Files and folders, read-only; parents are made. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
  readonly links: readonly { readonly target: string; readonly path: string }[];
  /** Size of /tmp. */
  readonly tmpBytes: number;
  /** Where /etc/passwd of the sandbox is kept. */
  readonly passwdFile: string;
  /** Control group files to join before anything else. */
  readonly joins: readonly string[];
  /** Bound on each process's private memory, where no control group bounds it. */
  readonly dataBytesMax?: number;
  /** Constant variables, known before the function is. */
  readonly environment: Readonly<Record<string, string>>;
  /** Variables of the function arrive as a shell script on descriptor {@link ENVIRONMENT_FD}. */
  readonly environmentByScript: boolean;
  readonly command: readonly string[];
}

export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Opened for this launch, to be handed on at {@link SECCOMP_FD} and closed afterwards. */
  readonly seccompFile?: number;
  /** The process must lead a process group of its own, so that the group can be killed. */
  readonly ownGroup: boolean;
}

/** Descriptors 3 and 4 are the channel. */
export const ENVIRONMENT_FD = 5;
export const SECCOMP_FD = 6;
/** At level `process`: closes when the platform dies, and then the worker is killed. */
export const LIFELINE_FD = 7;
/** Held by extensions alone: when the last of them has ended, it closes. */
export const EXTENSIONS_FD = 8;

/** User ids of workers: one each, in a range that distributions leave alone. */
export const UID_FIRST = 61_184;
export const UID_COUNT = 4096;

const PATH = "/usr/local/bin:/usr/bin:/bin";
/** What programs expect under /etc: name service, certificates, libraries, time zone. Nothing secret. */
const ETC = [
  "alternatives",
  "ca-certificates",
  "ca-certificates.conf",
  "crypto-policies",
  "fonts",
  "gai.conf",
  "host.conf",
  "hosts",
  "ld.so.cache",
  "ld.so.conf",
  "ld.so.conf.d",
  "localtime",
  "mime.types",
  "nsswitch.conf",
  "os-release",
  "pki",
  "protocols",
  "resolv.conf",
  "services",
  "ssl",
];
/** Joins groups, bounds what control groups do not, and becomes the program that follows. */
const ENTER = [
  "n=$1; shift",
  'while [ "$n" -gt 0 ]; do echo 0 > "$1" || exit 125; shift; n=$((n - 1)); done',
  'if [ "$1" -gt 0 ]; then ulimit -d "$1"; fi; shift',
  "ulimit -c 0; ulimit -n 1024 2>/dev/null",
  `ulimit -p ${PROCESSES_MAX} 2>/dev/null || ulimit -u ${PROCESSES_MAX} 2>/dev/null`,
].join("\n");
/** Takes the function's variables, after every right is gone. */
const TAKE_ENVIRONMENT = `eval "$(cat <&${ENVIRONMENT_FD})"; exec ${ENVIRONMENT_FD}<&-; exec "$@"`;
const WATCH_LIFELINE = `{ exec ${EXTENSIONS_FD}>&-; read -r _ <&${LIFELINE_FD}; kill -9 -$$; } & exec ${LIFELINE_FD}<&-`;

/** @param directory where the system call filter is written */
export function openIsolation(directory: string): Isolation {
  const shortcomings: { what: string; remedy: string }[] = [];
  const filter = seccompFilter(process.arch);
  const filterFile = join(directory, "seccomp.bpf");
  if (filter) writeFileSync(filterFile, filter, { mode: 0o600 });
  const bwrap = process.platform === "linux" ? findProgram("bwrap") : undefined;
  const setpriv = process.platform === "linux" ? findProgram("setpriv") : undefined;

  const at = (level: IsolationLevel): Isolation => ({
    level,
    shortcomings,
    filtersSystemCalls: filter !== undefined && level !== "process",
    restrictedTo: (worse) => {
      const impossible = level === "process" || (worse === "namespaces" && probe(at(worse), directory) !== undefined);
      return at(impossible ? "process" : worse);
    },
    launch: (request) =>
      level === "process" ? launchProcess(request) : launchSandbox(request, level, bwrap!, filter && filterFile),
  });
  if (process.platform !== "linux") {
    shortcomings.push({ what: "sandboxes need Linux", remedy: "Run Virga on Linux to keep functions apart." });
    return at("process");
  }
  if (bwrap === undefined) {
    shortcomings.push({
      what: "bubblewrap is not installed",
      remedy: "Install it: apt-get install bubblewrap (Debian, Ubuntu), dnf install bubblewrap (Fedora).",
    });
    return at("process");
  }
  if (!isRoot())
    shortcomings.push({
      what: "workers run as the platform's own user",
      remedy: "Run Virga as root to give each worker a user id of its own.",
    });
  else if (setpriv === undefined)
    shortcomings.push({
      what: "setpriv is not installed",
      remedy: "Install util-linux: root's workers need it to drop rights.",
    });
  else if (!mapsWorkers())
    shortcomings.push({
      what: `user ids from ${UID_FIRST} on are not mapped here`,
      remedy: "Give the container a larger range of user ids.",
    });
  else {
    const refusal = probe(at("own-user"), directory);
    if (refusal === undefined) return at("own-user");
    shortcomings.push({
      what: `bubblewrap was refused: ${refusal}`,
      remedy: "Give the container CAP_SYS_ADMIN, or run outside of one.",
    });
  }
  const refusal = probe(at("namespaces"), directory);
  if (refusal === undefined) return at("namespaces");
  shortcomings.push({
    what: `bubblewrap without root was refused: ${refusal}`,
    remedy:
      "Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), or an AppArmor profile for bwrap (Ubuntu 24.04).",
  });
  return at("process");
}

const isRoot = (): boolean => process.getuid?.() === 0;

/** Runs a program that does nothing; returns why it could not. */
function probe(isolation: Isolation, directory: string): string | undefined {
  const passwdFile = join(directory, "passwd.probe");
  writeFileSync(passwdFile, passwd(UID_FIRST));
  const launch = isolation.launch({
    uid: UID_FIRST,
    mounts: [],
    links: [],
    tmpBytes: 1024 * 1024,
    passwdFile,
    joins: [],
    environment: {},
    environmentByScript: false,
    command: ["/bin/sh", "-c", ":"],
  });
  const stdio: (number | "ignore" | "pipe")[] = ["ignore", "ignore", "pipe", "ignore", "ignore", "ignore"];
  if (launch.seccompFile !== undefined) stdio.push(launch.seccompFile);
  const result = spawnSync(launch.file, launch.args, {
    env: { ...launch.environment },
    stdio,
    encoding: "utf8",
    timeout: 10_000,
  });
  return result.status === 0 ? undefined : (result.stderr || `status ${result.status}`).trim().split("\n")[0];
}

function launchSandbox(
  request: LaunchRequest,
  level: "own-user" | "namespaces",
  bwrap: string,
  filterFile: string | undefined,
): Launch {
  const args = ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--die-with-parent"];
  args.push("--new-session", "--hostname", "sandbox");
  if (level === "namespaces") {
    args.push("--unshare-user");
    // As user 0 of its own namespace, a program would have every right in there.
    if (isRoot()) args.push("--uid", String(request.uid), "--gid", String(request.uid), "--cap-drop", "ALL");
  } else
    args.push("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP");
  args.push(...systemMounts());
  args.push("--dev", "/dev", "--proc", "/proc");
  // Root without rights is still root to these files, whatever the namespace.
  if (level === "namespaces" && isRoot())
    for (const path of ["/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"])
      if (existsSync(path)) args.push("--ro-bind", path, path);
  args.push("--perms", "1777", "--size", String(request.tmpBytes), "--tmpfs", "/tmp");
  const made = new Set(["/", "/usr", "/etc", "/tmp"]);
  const makeParents = (path: string) => {
    const parent = dirname(path);
    if (made.has(parent) || parent.startsWith("/usr/")) return;
    makeParents(parent);
    made.add(parent);
    args.push("--perms", "0755", "--dir", parent);
  };
  args.push("--ro-bind", request.passwdFile, "/etc/passwd");
  for (const { source, target } of request.mounts) {
    makeParents(target);
    made.add(target);
    args.push("--ro-bind", source, target);
  }
  for (const { target, path } of request.links) {
    makeParents(path);
    args.push("--symlink", target, path);
  }
  // Only /tmp can be written to; /dev/shm is not there on AWS either.
  args.push("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/");
  if (filterFile !== undefined) args.push("--seccomp", String(SECCOMP_FD));
  args.push("--");
  if (level === "own-user") {
    const id = String(request.uid);
    args.push("/usr/bin/setpriv", "--reuid", id, "--regid", id, "--clear-groups");
    args.push("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--");
  }
  args.push(...withEnvironment(request));
  const limit = request.dataBytesMax === undefined ? 0 : Math.round(request.dataBytesMax / 1024);
  return {
    file: "/bin/sh",
    args: [
      "-c",
      `${ENTER}\nexec "$@"`,
      "sh",
      String(request.joins.length),
      ...request.joins,
      String(limit),
      bwrap,
      ...args,
    ],
    environment: { PATH },
    ...(filterFile !== undefined && { seccompFile: openSync(filterFile, "r") }),
    ownGroup: false,
  };
}

function launchProcess(request: LaunchRequest): Launch {
  const limit = request.dataBytesMax === undefined ? 0 : Math.round(request.dataBytesMax / 1024);
  const script = `${ENTER}\n${WATCH_LIFELINE}\nexec "$@"`;
  return {
    file: "/bin/sh",
    args: [
      "-c",
      script,
      "sh",
      String(request.joins.length),
      ...request.joins,
      String(limit),
      ...withEnvironment(request),
    ],
    environment: { PATH },
    ownGroup: true,
  };
}

function withEnvironment(request: LaunchRequest): string[] {
  const constants = Object.entries(request.environment).map(([name, value]) => `${name}=${value}`);
  const command = constants.length === 0 ? [...request.command] : ["/usr/bin/env", ...constants, ...request.command];
  return request.environmentByScript ? ["/bin/sh", "-c", TAKE_ENVIRONMENT, "sh", ...command] : command;
}

/** The script that {@link TAKE_ENVIRONMENT} runs. */
export function environmentScript(environment: Readonly<Record<string, string>>): string {
  let script = "unset PWD OLDPWD SHLVL\n";
  for (const [name, value] of Object.entries(environment))
    script += `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`;
  return script;
}

/** A user of the worker's own, so that programs which ask who they are get an answer. */
export function passwd(uid: number): string {
  return `root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:${uid}:${uid}::/home/sbx_user1051:/sbin/nologin\n`;
}

let system: readonly string[] | undefined;

function systemMounts(): readonly string[] {
  if (system) return system;
  const args = ["--ro-bind", "/usr", "/usr"];
  for (const path of ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"]) {
    if (!existsSync(path)) continue;
    if (lstatSync(path).isSymbolicLink()) args.push("--symlink", readlinkSync(path), path);
    else args.push("--ro-bind", path, path);
  }
  args.push("--perms", "0755", "--dir", "/etc");
  for (const name of ETC) {
    const path = join("/etc", name);
    if (existsSync(path)) args.push("--ro-bind", realpathSync(path), path);
  }
  system = args;
  return args;
}

function mapsWorkers(): boolean {
  const ranges = readFileSync("/proc/self/uid_map", "utf8")
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  return ranges.some(([inside, , count]) => inside! <= UID_FIRST && inside! + count! >= UID_FIRST + UID_COUNT);
}

/** Only where the system keeps programs: what runs with root's rights is not looked for on anybody's PATH. */
function findProgram(name: string): string | undefined {
  return ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/run/current-system/sw/bin"]
    .map((folder) => join(folder, name))
    .find(existsSync);
}
