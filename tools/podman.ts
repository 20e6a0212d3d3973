/**
 * A container engine of one's own, for tests and measurements: Podman with its own storage, in a network of its own, so that it meets neither the
 * machine's engine nor another Virga's tasks. Images are made from nothing, of programs that this machine has: no registry is asked.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const START_MS_MAX = 20_000;
const IN_OWN_NETWORK = "VIRGA_OWN_NETWORK";

/** Why there can be no engine here; undefined when there can. */
export function withoutPodman(): string | undefined {
  if (process.platform !== "linux") return "engines of one's own are for Linux";
  if (process.getuid?.() !== 0) return "an engine of one's own needs root, for its network";
  const works = (command: string, ...args: string[]) =>
    spawnSync(command, args, { stdio: "ignore", timeout: 60_000 }).status === 0;
  for (const program of ["podman", "runc"])
    if (!works(program, "--version")) return `${program} is not installed: node tools/setup.ts podman`;
  if (!works("busybox", "true")) return "busybox is not installed: node tools/setup.ts podman";
  if (!works("unshare", "--net", "true")) return "this machine lets nobody have a network of one's own";
  return undefined;
}

/** What runs a command in a network of its own. */
export const ownNetworkCommand = (command: readonly string[]): string[] => [
  ...["unshare", "--net", "sh", "-c", 'busybox ip link set lo up && exec "$@"', "sh"],
  ...command,
];

/**
 * Goes on in a network of its own: runs the whole program again there, hands on what it prints, and ends with its exit code. Returns where that has
 * been done already.
 */
export async function enterOwnNetwork(): Promise<void> {
  if (process.env[IN_OWN_NETWORK] !== undefined) return;
  const [command, ...args] = ownNetworkCommand([process.execPath, ...process.execArgv, ...process.argv.slice(1)]);
  const child = spawn(command!, args, {
    stdio: ["inherit", "inherit", "inherit", ...(process.send ? (["ipc"] as const) : [])],
    env: { ...process.env, [IN_OWN_NETWORK]: "1" },
  });
  // A test runner that listens hears what goes on inside.
  child.on("message", (message: object) => process.send?.(message));
  const code = await new Promise<number>((resolve) => child.on("close", (status) => resolve(status ?? 1)));
  process.exit(code);
}

export interface Podman {
  readonly socket: string;
  /** Of the service that answers at the socket. */
  readonly service: () => ChildProcess;
  /** Podman's own command line on this engine. @returns what it prints. @throws with what it complains about */
  run(...args: string[]): Promise<string>;
  /** The service ended; containers go on. */
  endService(signal?: NodeJS.Signals): Promise<void>;
  startService(): Promise<void>;
  /** Busybox as a shell that is all of its programs too, `busybox:1`. */
  busyboxImage(): Promise<string>;
  /** This Node.js, under the name that examples build from. */
  nodeImage(): Promise<string>;
  /** Ends everything, and removes it. */
  close(): Promise<void>;
}

/** Works as root with and without cgroup v2; see containers.conf(5). */
const configuration = (folder: string): string => `[containers]
default_ulimits=["nofile=4096:4096","nproc=4096:4096"]
log_driver="k8s-file"
[engine]
runtime="runc"
cgroup_manager="cgroupfs"
events_logger="file"
[network]
network_backend="netavark"
network_config_dir="${folder}/networks"
`;

/** The base image of the examples. */
export const NODE_IMAGE = "public.ecr.aws/docker/library/node:24-slim";

/** @param storage where images and containers lie; a folder of its own unless it is named */
export async function startPodman({ storage }: { readonly storage?: string } = {}): Promise<Podman> {
  const folder = mkdtempSync(join(tmpdir(), "virga-podman-"));
  const socket = join(folder, "podman.sock");
  for (const name of ["networks", "tmp", "images"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "containers.conf"), configuration(folder));
  const root = storage ?? join(folder, "storage");
  const common = ["--root", root, "--runroot", join(folder, "run"), "--tmpdir", join(folder, "tmp")];
  const env = { ...process.env, CONTAINERS_CONF: join(folder, "containers.conf") };
  let service: ChildProcess | undefined;

  const run = async (...args: string[]) => {
    const { stdout } = await promisify(execFile)("podman", [...common, ...args], { env, maxBuffer: 16 * 1024 * 1024 });
    return stdout.trim();
  };

  /** Builds from a folder that holds these files: contents by name, or `{ from }` for a copy of one of the machine's. */
  async function image(name: string, dockerfile: string, files: Readonly<Record<string, string>>): Promise<string> {
    const context = mkdtempSync(join(folder, "images", "build-"));
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    for (const [inside, from] of Object.entries(files)) {
      mkdirSync(dirname(join(context, inside)), { recursive: true });
      copyFileSync(realpathSync(from), join(context, inside));
    }
    await run("build", "--quiet", "--tag", name, context);
    rmSync(context, { recursive: true });
    return name;
  }

  const podman: Podman = {
    socket,
    service: () => service!,
    run,
    async startService() {
      const child = spawn("podman", [...common, "system", "service", "--time=0", `unix://${socket}`], {
        env,
        stdio: "ignore",
      });
      service = child;
      for (let waitedMs = 0; !existsSync(socket); waitedMs += 50) {
        if (child.exitCode !== null || waitedMs > START_MS_MAX) throw new Error("podman system service does not start");
        await pause(50);
      }
    },
    async endService(signal = "SIGTERM") {
      const child = service!;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGCONT");
      child.kill(signal);
      await ended;
      rmSync(socket, { force: true });
    },
    busyboxImage: () =>
      image("docker.io/library/busybox:1", 'FROM scratch\nCOPY sh /bin/sh\nCMD ["/bin/sh"]\n', {
        sh: programPath("busybox"),
      }),
    nodeImage: () =>
      image(
        NODE_IMAGE,
        "FROM scratch\nCOPY . /\nENV PATH=/usr/local/bin\n",
        Object.fromEntries([["usr/local/bin/node", process.execPath], ...librariesOf(process.execPath)]),
      ),
    async close() {
      await podman.endService();
      await run("rm", "--force", "--all", "--time", "0").catch(() => {});
      await run("network", "rm", "virga-tasks").catch(() => {});
      await run("rmi", "--force", "--all").catch(() => {});
      // What is mounted still is taken from the outermost inwards.
      for (const place of mountsBelow(folder)) spawnSync("umount", ["--lazy", place]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await podman.startService();
  return podman;
}

function programPath(name: string): string {
  const { stdout } = spawnSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" });
  return stdout.trim();
}

/** The shared libraries of a program, where they are: `/lib64/ld-linux-x86-64.so.2`. */
function librariesOf(program: string): [string, string][] {
  const { stdout } = spawnSync("ldd", [program], { encoding: "utf8" });
  return [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => [path!.slice(1), path!]);
}

function mountsBelow(folder: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((place) => place.startsWith(`${folder}/`))
    .reverse();
}
