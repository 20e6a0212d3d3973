/** The AWS CLI as a person runs it: a process for each command, version 1 and 2 alike. */
import { type ExecFileException, execFile, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Key {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface Aws {
  /** What a command writes. @throws with what it writes to stderr when it fails */
  (...args: string[]): Promise<string>;
  /** The same, read as JSON. */
  json(...args: string[]): Promise<any>;
  /** What a command that must fail writes to stderr. */
  refused(...args: string[]): Promise<string>;
  /** For other programs that are to find the platform and the key. */
  readonly env: NodeJS.ProcessEnv;
}

const MS_MAX = 180_000;

let found: readonly [major: number, minor: number] | undefined;
export function cliVersion(): readonly [major: number, minor: number] {
  const [, major, minor] = /^aws-cli\/(\d+)\.(\d+)/.exec(execFileSync("aws", ["--version"], { encoding: "utf8" }))!;
  found ??= [Number(major), Number(minor)];
  return found;
}

/**
 * @param endpoint an IP address makes clients use S3's path style, and needs no names below localhost
 * @param folder where commands run, and their settings lie
 */
export function awsCli(
  endpoint: string,
  folder: string,
  key: Key = { accessKeyId: "test", secretAccessKey: "test" },
): Aws {
  const settings = join(folder, ".aws");
  mkdirSync(settings, { recursive: true });
  writeFileSync(join(settings, "config"), endpointPlugin(settings));
  const env: NodeJS.ProcessEnv = {
    PATH: process.env["PATH"],
    HOME: folder,
    AWS_CONFIG_FILE: join(settings, "config"),
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    ...(key.sessionToken ? { AWS_SESSION_TOKEN: key.sessionToken } : {}),
    AWS_DEFAULT_REGION: "us-east-1",
    AWS_ENDPOINT_URL: endpoint,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    PYTHONDONTWRITEBYTECODE: "1",
    // Where version 1 looks for its plugins; version 2 is told in the settings.
    PYTHONPATH: settings,
  };
  const run = (args: readonly string[]) =>
    new Promise<{ error: ExecFileException | null; stdout: string; stderr: string }>((resolve) => {
      const options = { env, cwd: folder, maxBuffer: 64 * 1024 * 1024, timeout: MS_MAX };
      execFile("aws", ["--endpoint-url", endpoint, ...args], options, (error, stdout, stderr) =>
        resolve({ error, stdout, stderr }),
      );
    });
  const aws = async (...args: string[]) => {
    const { error, stdout, stderr } = await run(args);
    if (error) throw new Error(`aws ${args.join(" ")}\n${stdout}${stderr}`, { cause: error });
    return stdout;
  };
  return Object.assign(aws, {
    json: async (...args: string[]) => JSON.parse(await aws(...args, "--output", "json")),
    refused: async (...args: string[]) => {
      const { error, stdout, stderr } = await run(args);
      if (!error) throw new Error(`aws ${args.join(" ")} succeeded\n${stdout}`);
      return stderr.trim();
    },
    env,
  });
}

/**
 * `cloudformation package` uploads by a client of its own, which --endpoint-url does not reach. AWS_ENDPOINT_URL does from 1.29.17 and 2.13
 * on; before, a plugin of the CLI tells it. (People used awscli-plugin-endpoint for that.)
 */
function endpointPlugin(folder: string): string {
  const [major, minor] = cliVersion();
  if (major === 1 ? minor >= 30 : minor >= 13) return "";
  writeFileSync(
    join(folder, "endpoint_of_environment.py"),
    `import os, sys

def aim(session):
    create = session.create_client
    def create_client(self, *args, **kwargs):
        if not kwargs.get("endpoint_url"):
            kwargs["endpoint_url"] = os.environ["AWS_ENDPOINT_URL"]
        return create(self, *args, **kwargs)
    session.create_client = create_client

def awscli_initialize(cli):
    for name in ("botocore.session", "awscli.botocore.session"):
        if name in sys.modules:
            aim(sys.modules[name].Session)
`,
  );
  return `[plugins]\ncli_legacy_plugin_path = ${folder}\nendpoint = endpoint_of_environment\n`;
}
